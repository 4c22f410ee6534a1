from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.catalog.query import MAX_TERMS, Query, Sort, Term, parse, parse_sort
from ckpt_indexer.catalog.terms import Check, Target
from ckpt_indexer.errors import InvalidFilter


def only(text: str, *metrics: str) -> Term:
    query = parse(text, metrics)
    assert len(query.terms) == 1
    assert query.sorts == ()
    return query.terms[0]


def test_the_example_of_the_contract_reads_as_its_parts() -> None:
    query = parse(
        "backbone:resnet18,resnet50 hmean>0.8 epoch:5..10 val/iou>0.8 param.lr:<0.01 exp:dbnet-* created:2026-06.. "
        "-source:names hmean-"
    )
    assert query == Query(
        (
            Term(Target("text", "backbone"), (Check("is", "resnet18"), Check("is", "resnet50"))),
            Term(Target("real", "hmean"), (Check("range", 0.8, None, low_open=True),)),
            Term(Target("int", "epoch"), (Check("range", 5, 10),)),
            Term(Target("metric", "val/iou"), (Check("range", 0.8, None, low_open=True),)),
            Term(Target("param", "lr"), (Check("range", None, 0.01, high_open=True),)),
            Term(Target("text", "experiment"), (Check("like", "dbnet-%"),)),
            Term(Target("time", "created_at"), (Check("range", "2026-06", None, high_open=True),)),
            Term(Target("text", "source"), (Check("is", "names"),), negated=True),
        ),
        (Sort(Target("real", "hmean"), descending=True),),
    )


@pytest.mark.parametrize("word", ["best.ckpt", "checkpoints/epoch=3-x.ckpt", "epoch=3.ckpt", "epoch=3-hmean=0.8.ckpt",
                                  "loss=0.25.ckpt", "last-", "2026-06-01T12:00", "a=b", "-", "runs/06:x",
                                  "bob's.ckpt", "lr=0.1,bs=32"])  # fmt: skip
def test_pieces_of_paths_are_bare_words(word: str) -> None:
    assert only(word) == Term(None, (Check("contains", word),))


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("epoch:5", Check("is", 5)),
        ("epoch=5", Check("is", 5)),
        ("epoch:=5", Check("is", 5)),
        ("epoch>5", Check("range", 5, None, low_open=True)),
        ("epoch:>5", Check("range", 5, None, low_open=True)),
        ("epoch>=5", Check("range", 5, None)),
        ("epoch:>=5", Check("range", 5, None)),
        ("epoch<5", Check("range", None, 5, high_open=True)),
        ("epoch:<=5", Check("range", None, 5)),
        ("epoch:..5", Check("range", None, 5)),
        ("epoch:5..", Check("range", 5, None)),
        ("epoch:", Check("null")),
        ("hmean>1e-3", Check("range", 1e-3, None, low_open=True)),
        ("size>300M", Check("range", 300_000_000, None, low_open=True)),
        ("size:1KiB", Check("is", 1024)),
        ("size:1.5GB", Check("is", 1_500_000_000)),
        ("size_bytes:12345678901234567", Check("is", 12345678901234567)),
        ("num_parameters>25M", Check("range", 25_000_000, None, low_open=True)),
        ("num_parameters:1.5B", Check("is", 1_500_000_000)),
        ("pinned:true", Check("is", 1)),
        ("has_sidecar:no", Check("is", 0)),
        ("presence:any", Check("any")),
        ("created:2026-06-01", Check("range", "2026-06-01", "2026-06-01~", high_open=True)),
        ("created:2026-06-01T12:00Z", Check("range", "2026-06-01T12:00", "2026-06-01T12:00~", high_open=True)),
        ("created:2026-06-01T12:00+09:00", Check("range", "2026-06-01T03:00", "2026-06-01T03:00~", high_open=True)),
        ("created:2026-06-01T12:00:05-01:00",
         Check("range", "2026-06-01T13:00:05", "2026-06-01T13:00:05~", high_open=True)),
        ("created>2026", Check("range", "2026~", None)),
        ("created>=2026", Check("range", "2026", None)),
        ("created<2026-06", Check("range", None, "2026-06", high_open=True)),
        ("created<=2026-06", Check("range", None, "2026-06~", high_open=True)),
        ("created:2026-01..2026-06", Check("range", "2026-01", "2026-06~", high_open=True)),
        ('exp:"a,b *"', Check("is", "a,b *")),
        ("exp:'it'", Check("is", "it")),
        (r'exp:"say \"x\""', Check("is", 'say "x"')),
        ("exp:100%_*", Check("like", r"100\%\_%")),
        ("exp:a?c", Check("like", "a_c")),
        ("exp:a..b", Check("is", "a..b")),
        ("tag:good", Check("is", "good")),
        ("param.opt:adam", Check("is", "adam")),
        ("param.lr:0.1..1", Check("range", 0.1, 1)),
        ("param.dir:../data", Check("is", "../data")),
        ("param.opt:ad*", Check("like", "ad%")),
        ("metric.odd_name>1", Check("range", 1, None, low_open=True)),
    ],
)  # fmt: skip
def test_values_read_by_the_kind_of_their_field(text: str, check: Check) -> None:
    assert only(text).checks == (check,)


def test_negation_takes_either_sign() -> None:
    assert only("-backbone:x") == only("^backbone:x") == only("backbone:x")._replace(negated=True)
    assert only("-word") == Term(None, (Check("contains", "word"),), negated=True)


def test_bare_words_may_have_wildcards() -> None:
    assert only("epoch=?.ckpt").checks == (Check("like", "%epoch=_.ckpt%"),)
    assert only('"epoch=?.ckpt"').checks == (Check("contains", "epoch=?.ckpt"),)


def test_a_known_metric_is_a_field_and_sorts() -> None:
    assert only("accuracy>0.5", "accuracy").target == Target("metric", "accuracy")
    assert parse("accuracy-", ["accuracy"]).sorts == (Sort(Target("metric", "accuracy"), descending=True),)
    assert parse("val/iou+", ["val/iou"]).sorts == (Sort(Target("metric", "val/iou"), descending=False),)
    assert only("val/iou-").target is None


def test_numbers_after_a_text_field_mean_the_metric_of_that_name() -> None:
    assert only("loss<0.5", "loss").target == Target("metric", "loss")
    assert only("loss:0.1..0.5", "loss").target == Target("metric", "loss")
    assert only("loss:bce", "loss").target == Target("text", "loss")


def test_a_quoted_name_may_hold_operators() -> None:
    assert only('"mAP@[.5:.95]">0.3', "mAP@[.5:.95]").target == Target("metric", "mAP@[.5:.95]")


@pytest.mark.parametrize("text", ["val/mAP@0.5:0.95>0.1", "val/mAP@0.5:0.95:>0.1", "-val/mAP@0.5:0.95>0.1"])
def test_a_logged_name_with_operators_needs_no_quotes(text: str) -> None:
    name = "val/mAP@0.5:0.95"
    term = only(text, name)
    assert (term.target, term.checks) == (Target("metric", name), (Check("range", 0.1, None, low_open=True),))
    (sort,) = parse(name + "-", [name]).sorts
    assert sort == Sort(Target("metric", name), descending=True)


def test_a_path_with_operators_stays_a_path() -> None:
    assert only("runs/2026-06-01/12:30.ckpt", "val/mAP@0.5:0.95").target is None


def test_command_line_words_keep_their_spaces_unless_more_terms_follow() -> None:
    assert parse(["exp:my exp"]).terms[0].checks == (Check("is", "my exp"),)
    assert len(parse(["backbone:a hmean>0.8 hmean-"]).terms) == 2
    assert len(parse(["a b"]).terms) == 2
    assert parse("exp:my exp").terms[1].target is None


def test_undecodable_bytes_become_what_paths_show() -> None:
    assert only("a\udcff.ckpt").checks == (Check("contains", "a\\xff.ckpt"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backbon:x", "did you mean backbone?"),
        ("zzzzqq>1", "Known fields: id, root, path"),
        ("hmean>a", "'a' is not a number"),
        ("hmean:nan", "is not a number"),
        ("hmean>1e999", "too large"),
        ("hmean:..", "at least one end"),
        ("hmean>", "missing after >"),
        ("hmean>1,2", "takes one value"),
        ("epoch:1,,2", "missing beside a comma"),
        ("epoch:=", "needs a value"),
        ("size>" + "9" * 400 + "G", "too large"),
        ("exp>3", "no order"),
        ("pinned>1", "no order"),
        ("tags>1", "no order"),
        ("pinned:maybe", "neither true nor false"),
        ("size>3X", "not a size"),
        ("size>3MM", "not a size"),
        ("num_parameters>3KiB", "not a count"),
        ("created:yesterday", "not a date"),
        ("created:2026-13", "no date of the calendar"),
        ("created:2026-02-30", "no date of the calendar"),
        ("created:2026-06-01T12+09:00", "needs minutes"),
        ("created:0001-01-01T00:00+09:00", "no date of the calendar"),
        ("presence:gone", "present, missing, unreachable, any"),
        ("backbone::^swin", "regular expressions"),
        ("exp:" + "a" * 100 + "*", "at most 100"),
        ("known/m:abc", "not a number"),
        ('exp:"open', "never closed"),
        ("a\x00b", "NUL"),
        ("\ud800", "surrogates"),
    ],
)
def test_errors_say_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(text, ["known/m"])
    assert words in caught.value.message


def test_errors_name_the_term_and_its_place() -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse("best.ckpt  hmean>x")
    assert caught.value.message.startswith("term 2 (hmean>x, at character 12)")
    assert caught.value.details["position"] == 11
    assert caught.value.details["term"] == "hmean>x"


def test_unknown_fields_carry_what_is_known() -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse("accurcy>1", ["accuracy"])
    assert caught.value.details["nearest"] == "accuracy"
    assert "accuracy" in str(caught.value.details["known"])


@pytest.mark.parametrize(
    "text",
    ["x" * 4097, "\u00e9" * 2049, " ".join(["a"] * (MAX_TERMS + 1)), "epoch:" + ",".join(["1"] * 1001)],
)
def test_bounds_hold(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse(text)


@pytest.mark.parametrize("text", ["-hmean,epoch", "hmean- epoch+", "hmean-,epoch", "-hmean +epoch"])
def test_a_sort_option_takes_either_spelling(text: str) -> None:
    falling, rising = Sort(Target("real", "hmean"), descending=True), Sort(Target("int", "epoch"), descending=False)
    assert parse_sort(text) == (falling, rising)


@pytest.mark.parametrize("text", ["nope", "tags", "-", "a" * 5000, ",".join(["id"] * 65)])
def test_a_sort_option_must_name_fields_with_one_value(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_sort(text)


WORDS = "backbone hmean epoch param.x val/m created size tags presence : > >= < = .. , - ^ + \" ' \\ * ? 1 2026-06 x"
ATOMS = st.sampled_from([*WORDS.split(), " ", "\x01", "."])


@given(st.one_of(st.text(max_size=60), st.lists(ATOMS, max_size=14).map("".join)))
@settings(deadline=None, max_examples=400)
def test_any_text_is_a_query_or_an_invalid_filter(text: str) -> None:
    for given_text in (text, [text]):
        try:
            query = parse(given_text, ["m"])
        except InvalidFilter as error:
            assert error.message  # noqa: PT017  # both outcomes are right
        else:
            assert all(term.checks for term in query.terms)


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=200)
def test_a_quoted_text_stands_for_itself(text: str) -> None:
    if not text or "\x00" in text or not text.isprintable():
        text = "x y"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert only(f'exp:"{quoted}"').checks == (Check("is", text),)
