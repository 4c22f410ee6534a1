from __future__ import annotations

import pytest

from ckpt_indexer.catalog import fields
from ckpt_indexer.catalog.fields import ALIASES, FIELDS, find_field, nearest
from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.store import fields as stored


def test_every_row_key_is_a_field_in_the_order_of_the_row() -> None:
    assert tuple(FIELDS) == ROW_KEYS


def test_aliases_hide_no_row_key_and_no_other_alias() -> None:
    aliases = [alias for field in FIELDS.values() for alias in field.aliases]
    assert len(aliases) == len(ALIASES)
    assert not set(ALIASES) & set(ROW_KEYS)


def test_groups_and_headline_metrics_are_those_of_the_store() -> None:
    assert stored.GROUPS == fields.GROUPS
    assert dict(stored.PROMOTED) == fields.PROMOTED


@pytest.mark.parametrize(
    ("name", "found"),
    [("exp", "experiment"), ("Backbone", "backbone"), ("step", "global_step"), ("mode", "monitor_mode"),
     ("encoder", "backbone"), ("id", "id")],
)  # fmt: skip
def test_a_field_is_found_by_name_and_alias(name: str, found: str) -> None:
    field = find_field(name)
    assert field is not None
    assert field.name == found


def test_an_unknown_name_is_no_field_and_far_from_all() -> None:
    assert find_field("zzqq") is None
    assert nearest("zzqq", tuple(FIELDS)) is None
