"""The licence of the fast reader: whenever it answers, it says what PyYAML's C loader says."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_BYTES
from ckpt_indexer.sidecar.plain import parse_plain
from ckpt_indexer.sidecar.strict_yaml import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Same = Callable[[Any, Any], bool]


def _only_json(value: Any) -> bool:
    """Whether our two deviations (keys and timestamps stay text) make no difference to a value."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _only_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_only_json, value))
    return not isinstance(value, dt.date)


def _disagreements(texts: Iterable[str], same: Same) -> tuple[int, list[str]]:
    """Count the answers of the fast reader, and collect the texts where either oracle says something else."""
    answered, wrong = 0, []
    for text in texts:
        value = parse_plain(text)
        if value is None:
            continue
        answered += 1
        try:
            strict = parse_yaml(text)
        except (SidecarUnreadable, UnicodeEncodeError):
            wrong.append(text)
            continue
        if not same(value, strict):
            wrong.append(text)
            continue
        try:
            library = yaml.load(text, yaml.CSafeLoader)
        except (yaml.YAMLError, ValueError):  # an unhashable key, a timestamp that is none: refused or text for us
            continue
        if _only_json(library) and not same(value, library):
            wrong.append(text)
    return answered, wrong


# -- spellings of one scalar ------------------------------------------------------------------------------------------

WORDS = ["yes", "no", "on", "off", "true", "false", "null", "y", "n", "none", "~", "nan", "inf"]
NUMBERS = """
    0 -0 +0 00 007 008 010 -010 +010 0_ 0_7 1_000 1__0 _1 1_ +1 -1 --1 +-1 0b 0b_ 0b1 0b101 -0b1 0B1 0b2 0x 0x_ 0x1F
    0xfg 0X1 -0x1 0o17 0o8 123456789012345678 1234567890123456789 99999999999999999999999999 1:30 01:30 1:60 1:59 1:5
    190:20:30 -190:20:30 190:20:30.15 1:30.5 1:60.5 0:59 00:59 1: :1 1:2: 1e3 1e-3 8e-1 1E3 1.e3 1.e+3 1.0e3 1.0e+3
    1.0e-3 1.0E+3 1.0E3 -1.0e-05 .5 -.5 +.5 ._5 .5_ 5. 5._ -5. 5.0.0 . .. ... .e3 .inf -.inf +.inf .INF .Inf .iNf
    .nan -.nan .NaN .NAN .Nan 0.1_2 1_0.5 0.95080130936411930000 0.30000000000000004 1.7976931348623157e+308 1.0e+400
    -0.0 +0.0 00.5 1.5e+0 2025-01-01 2025-1-1 2025-02-30 0000-00-00 2025-01-01T10:00:00 2025-01-01T10:00:00Z
    2025-01-01T10:00:00.123456+02:00 20250101_120000 12e03 1234e567 000000001092 00000107 0.1.2 2.1.0 3.11.7 1-2 1/2
    1,000 1.000,5 = << < <a> - -- --- ---a -a ? ?a :a a:b a: ::a a#b #a a' 'a "a a" & &a *a !a | > % %a @a `a {a [a
""".split()  # noqa: SIM905  # a table of spellings reads best as a block of words
CONTEXTS = (
    "k: %s\n", "k: a%s\n", "k: %sa\n", "k: 1 %s\n", "k:\n- %s\n", "k:\n- - %s\n", "k: [%s]\n", "k: [1, %s ]\n",
    "k: '%s'\n", 'k: "%s"\n', "%s: 1\n", "a:\n  %s: 1\n", "'%s': 1\n", '"%s": 1\n', "k:\n- %s: 1\n", "k: %s # c\n",
    "k: %s#c\n", "k:%s\n", "k:   %s  \n", "a%s: 1\n", "- %s\n", "k:\n  %s\n", "a: 1\n%s\nb: 2\n", "k: %s",
    "k: x\n  %s\n", "k: 'x'\n  %s\n", "# %s\nk: 1\n", "k: {%s}\n", "k:\n  a: 1\n %s\n",
)  # fmt: skip


def test_every_spelling_of_a_scalar_resolves_as_in_the_library(same: Same) -> None:
    words = [form for word in WORDS for form in (word, word.title(), word.upper(), word + "e", "-" + word)]
    short = ["".join(letters) for n in (1, 2) for letters in itertools.product("01.+-_eExbo:~'\"#\\ ,n", repeat=n)]
    spellings = {*words, *NUMBERS, *(number + "0" for number in NUMBERS), *("-" + number for number in NUMBERS), *short}
    answered, wrong = _disagreements((context % text for text in sorted(spellings) for context in CONTEXTS), same)
    assert wrong == []
    assert answered > 6_000


def test_random_number_like_spellings_resolve_as_in_the_library(same: Same) -> None:
    random_ = random.Random(1)
    spellings = [
        "".join(random_.choices("0123456789+-._eEoxXbB:nNaAiIfF ", k=random_.randint(2, 8))) for _ in range(4000)
    ]
    answered, wrong = _disagreements((random_.choice(CONTEXTS) % text for text in spellings), same)
    assert wrong == []
    assert answered > 1_500


# -- whole documents --------------------------------------------------------------------------------------------------

NASTY_TEXT = st.text(
    st.one_of(
        st.sampled_from(list(" :#-?,[]{}&*!|>'\"%@`\\\n\t~=<0123456789.+_eExXaANnyf/")),
        st.characters(codec="utf-8"),
    ),
    max_size=12,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    NASTY_TEXT,
    st.sampled_from([*WORDS, *NUMBERS]),
)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(NASTY_TEXT, children, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(NASTY_TEXT | st.sampled_from(["epoch", "val/hmean", "a b", "x.y"]), VALUES, max_size=6)
DUMPERS = st.fixed_dictionaries(
    {
        "Dumper": st.sampled_from([yaml.SafeDumper, yaml.CSafeDumper]),
        "default_flow_style": st.sampled_from([False, False, False, None]),
        "allow_unicode": st.booleans(),
        "sort_keys": st.booleans(),
        "width": st.sampled_from([None, 20, 10_000]),
        "indent": st.sampled_from([None, 2, 4, 7]),
        "explicit_start": st.booleans(),
    }
)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(document=DOCUMENTS, how=DUMPERS)
def test_a_dumped_document_is_read_back_or_left_alone(
    document: dict[str, Any], how: dict[str, Any], same: Same
) -> None:
    text = yaml.dump(document, **how)
    value = parse_plain(text)
    assert value is None or same(value, parse_yaml(text))
    assert value is None or how["sort_keys"] or same(value, document)


def test_what_the_writers_here_emit_is_always_answered(same: Same) -> None:
    document = {
        "schema_version": "2.0",
        "training": {"epoch": 0, "global_step": 10**9},
        "model": {"components": [{"role": "encoder", "name": "resnet50", "params": {}}, {"role": "x", "ids": [1, 2]}]},
        "metrics": {"hmean": 0.1, "loss": 1e-05, "big": 1e22, "none": None, "inf": float("inf"), "nan": float("nan")},
        "tags": [],
        "created_at": "2025-10-18T14:32:15.123456",
        "notes": 'it\'s: a "test" # & * !',
    }
    for dumper in (yaml.SafeDumper, yaml.CSafeDumper):
        assert same(parse_plain(yaml.dump(document, Dumper=dumper, sort_keys=False)), document)


def test_golden_documents_are_answered_and_equal(golden: dict[str, str], same: Same) -> None:
    hand_written = [text for name, text in golden.items() if name.endswith(".metadata.yaml")]
    answered, wrong = _disagreements(hand_written, same)
    assert (answered, wrong) == (len(hand_written), [])


LINES = (
    "a:", "b:", "c: 1", "d: null", "- x", "- y: 1", "- - 1", "-", "- ", "# c", "", "a: 'q'", '"k": v', "- z:", "e: {}",
    "f: []  # c", "- []", "  - q", "g: x # c", "h: [a, b]", "i:  2", "j:   ", "- k: {}", "- 'a': 1", "-  m: 1",
    "-   - n: 2", "? x", "x y: 1", "a: b: c", "'a' : 1", "--- ", "---", "...", "%YAML 1.1", "- #c", "l: |", "text",
    "\ta: 1", "a:\t1", "a: \t1", "a: 1\t", "a: >-", "a : 1", "- ? x", ": 1", "'q'", '"q"',
)  # fmt: skip


def test_random_structures_are_nested_as_in_the_library(same: Same) -> None:
    random_ = random.Random(2)
    texts = [
        "\n".join(
            " " * random_.choice((0, 0, 0, 1, 2, 2, 4)) + random_.choice(LINES) for _ in range(random_.randint(1, 7))
        )
        for _ in range(40_000)
    ]
    answered, wrong = _disagreements(texts, same)
    assert wrong == []
    assert answered > 800


NASTY = (
    *" :#-?,[]{}&*!|>'\"%@`\\\n\t~=<01.+_eExXaANnyf/\xa0é\u2028\x85\ufeff\U0001f600\r\x00\x7f\ud800", "\n  ", "  ",
    ": ", "- ", " #", "---\n", "...\n", "null", "true", "010", "1:30", "1.5e+3", ".inf", "<<", "''", '\\"', "\n\n",
    "key: v\n", "\n- ", "\\u00e9", "\\ud800", "\\U00110000", "\\x41", "\\q",
)  # fmt: skip


def _mutated(text: str, random_: random.Random) -> str:
    for _ in range(random_.choice((1, 1, 1, 2, 3, 5))):
        lines = text.split("\n")
        number, place = random_.randrange(len(lines)), random_.randint(0, len(text))
        match random_.randrange(7):
            case 0 | 1 | 2:
                text = text[:place] + random_.choice(NASTY) + text[place:]
                continue
            case 3:
                text = text[:place] + text[place + random_.randint(1, 3) :]
                continue
            case 4:
                lines[number] = " " * random_.randrange(5) + lines[number]
            case 5:
                lines[number] = lines[number][random_.randrange(4) :]
            case _:
                lines.insert(random_.randrange(len(lines) + 1), lines[number])
        text = "\n".join(lines)
    return text


def test_mutated_real_documents_are_read_as_in_the_library_or_left_alone(golden: dict[str, str], same: Same) -> None:
    random_ = random.Random(3)

    def pieces() -> Iterable[str]:
        for _ in range(25_000):
            lines = random_.choice(list(golden.values())).split("\n")
            start = random_.randrange(len(lines))
            piece = textwrap.dedent("\n".join(lines[start : start + random_.randint(1, 25)]))
            yield _mutated(piece, random_)

    answered, wrong = _disagreements(pieces(), same)
    assert wrong == []
    assert answered > 3_000


# -- limits and safety ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a:\n  b: 1\n  b: 2\n", "a: 1\n'a': 2\n", "l:\n- a: 1\n  a: 2\n"])
def test_a_key_given_twice_is_never_answered(text: str) -> None:
    assert parse_plain(text) is None


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "text", "- 1\n", "[]", "a: 1\n---\nb: 2\n"])
def test_what_is_no_single_mapping_is_not_answered(text: str) -> None:
    assert parse_plain(text) is None


def test_a_timestamp_stays_the_text_it_was() -> None:
    assert parse_plain("a: 2025-10-18T14:32:15\nb: 2025-10-18\n") == {"a": "2025-10-18T14:32:15", "b": "2025-10-18"}


def test_keys_stay_the_text_they_were() -> None:
    assert parse_plain("on: 1\n1: 2\nnull: 3\n1.50: 4\n") == {"on": 1, "1": 2, "null": 3, "1.50": 4}


def test_nesting_beyond_what_the_loader_reads_is_not_answered(same: Same) -> None:
    texts = ["".join(f"{'  ' * level}k:\n" for level in range(depth)) + "  " * depth + "k: {}\n" for depth in range(40)]
    texts += ["k:\n" + "- " * depth + "[]\n" for depth in range(1, 40)]
    answered, wrong = _disagreements(texts, same)
    assert wrong == []
    assert answered > 50


@pytest.mark.parametrize("line", ["k%d:\n", "k%d: [1, 2, 3, 4]\n"])
def test_more_values_than_the_loader_reads_are_not_answered(line: str, same: Same) -> None:
    texts = ["".join(line % number for number in range(count)) for count in (1_000, 9_990, 10_010, 13_000)]
    answered, wrong = _disagreements(texts, same)
    assert wrong == []
    assert 1 <= answered < 4


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=200))
@example("a: " + "9" * 5_000)
@example("a: 1" + ":0" * 5_000)
@example("a: 0x" + "f" * 5_000)
def test_any_text_is_answered_or_left_alone_without_an_exception(text: str) -> None:
    value = parse_plain(text)
    assert value is None or isinstance(value, dict)


@pytest.mark.parametrize("prefix", ["", "a: ", "a: '", 'a: "', "- ", "a: [", "# ", "a: 1"])
def test_the_cost_of_a_hostile_document_grows_with_its_size_only(prefix: str) -> None:
    units = [
        *" :#-,[]'\"\\\nax1._~",
        "''",
        "a:",
        "a: ",
        " #",
        "- ",
        "a,",
        "1,",
        "\\u",
        "k:k",
        "a: '",
        "a: b",
        "1.",
        "a \n",
    ]
    slowest = 0.0
    for unit in units:
        text = (prefix + unit * MAX_BYTES)[:MAX_BYTES]
        before = time.process_time()
        parse_plain(text)
        slowest = max(slowest, time.process_time() - before)
    assert slowest < 1.0  # milliseconds in truth; a quadratic step over 256 KiB takes minutes
