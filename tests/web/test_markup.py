from __future__ import annotations

import pytest

from ckpt_indexer.web.markup import Html, join, tag, text
from tests.web.catalogs import HOSTILE
from tests.web.drawing import tags_of, text_of


def test_text_is_escaped_and_what_hides_is_written_out() -> None:
    assert text("<b>\u202e\x1b") == "&lt;b&gt;\\u202e\\x1b"


def test_lines_of_a_text_stay_lines() -> None:
    assert text("a\nb\r") == "a\nb\\r"


def test_hostile_text_makes_no_element() -> None:
    made = tag("p", HOSTILE, title=HOSTILE, data_v=HOSTILE)
    assert [name for name, _ in tags_of(made)] == ["p"]
    assert "\x1b" not in text_of(made)
    assert "\u202e" not in text_of(made)


def test_a_hostile_attribute_keeps_its_value_and_adds_none() -> None:
    ((_, attributes),) = tags_of(tag("a", href='"><script>', data_text=HOSTILE))
    assert attributes == {"href": '"><script>', "data-text": HOSTILE}


def test_attributes_a_person_reads_are_written_out() -> None:
    ((_, attributes),) = tags_of(tag("a", title="\u202eabc", aria_label="\x07", placeholder="\u200b"))
    assert attributes == {"title": "\\u202eabc", "aria-label": "\\x07", "placeholder": "\\u200b"}


def test_markup_made_here_is_not_escaped_again() -> None:
    assert tag("p", tag("b", "<")) == "<p><b>&lt;</b></p>"


def test_absent_children_and_attributes_are_left_out() -> None:
    assert join([None, "a", 0, Html("<br>")]) == "a0<br>"
    assert tag("input", disabled=True, hidden=False, name=None, maxlength=0) == '<input disabled maxlength="0">'


@pytest.mark.parametrize(
    ("key", "attribute"), [("class_", "class"), ("data_do", "data-do"), ("aria_label", "aria-label")]
)
def test_names_of_attributes(key: str, attribute: str) -> None:
    assert tag("i", **{key: "x"}) == f'<i {attribute}="x"></i>'
