"""Every error of the tree, now and later: it renders, it pickles, it keeps its facts, it is in the drawing."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from ckpt_indexer import errors
from ckpt_indexer.errors import CkptIndexerError


def family(root: type[CkptIndexerError] = CkptIndexerError) -> list[type[CkptIndexerError]]:
    """Return the class and everything below it, parents first."""
    return [root, *(member for child in root.__subclasses__() for member in family(child))]


MEMBERS = [member for member in family() if member.__module__ == errors.__name__]
every_error = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.__name__)


@every_error
def test_the_message_is_what_people_read(member: type[CkptIndexerError]) -> None:
    error = member("outputs/a.ckpt: no end record; copy it again", path="outputs/a.ckpt", limit=3)
    assert str(error) == error.message == "outputs/a.ckpt: no end record; copy it again"


@every_error
def test_the_facts_survive_a_process_border(member: type[CkptIndexerError]) -> None:
    error = member("broken", path="a.ckpt", limit=3, known=("hmean", "recall"), share=0.5, strict=True, seen=None)
    returned = pickle.loads(pickle.dumps(error))
    assert type(returned) is member
    assert (returned.message, returned.path, returned.details) == (error.message, error.path, error.details)
    assert returned.details == {"limit": 3, "known": ("hmean", "recall"), "share": 0.5, "strict": True, "seen": None}


@every_error
def test_a_copy_is_equal_in_all_but_identity(member: type[CkptIndexerError]) -> None:
    error = member("broken", path=None)
    twin = copy.copy(error)
    assert (str(twin), twin.path, twin.details) == ("broken", None, {})


@every_error
def test_every_member_says_what_it_means(member: type[CkptIndexerError]) -> None:
    assert (member.__doc__ or "").strip().endswith(".")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawing = re.search(r"^    CkptIndexerError\n(?:      .*\n)+", errors.__doc__, re.MULTILINE)
    assert drawing is not None
    drawn = re.findall(r"\w+", drawing[0])
    assert sorted(drawn) == sorted(member.__name__ for member in MEMBERS)
    assert len(MEMBERS) > 20


def test_siblings_are_not_caught_as_each_other() -> None:
    with pytest.raises(errors.StoreError):
        raise errors.DatabaseLocked("held by pid 1")
    assert not issubclass(errors.StoreError, errors.QueryError)
    assert not issubclass(errors.InvalidFilter, errors.MetadataError)
