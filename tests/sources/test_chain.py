"""Whom the chain asks, when it stops, and what the answers add up to."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind
from ckpt_indexer.errors import NeedsChild, SourceUnavailable
from ckpt_indexer.metadata.record import Component, Conflict, Finding, Input, Metric, Problem, Record, SidecarState
from ckpt_indexer.sources.base import Cost, Said
from ckpt_indexer.sources.chain import COMPLETE, Asked, Chain, is_complete, merge
from ckpt_indexer.sources.surroundings import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

CANDIDATE = Candidate(b"/r", b"run/best.ckpt", Kind.FILE, Fingerprint(1, 2, 3, 4, 5))
FULL: dict[str, Any] = {
    "epoch": 0, "global_step": 0, "architecture": "dbnet", "backbone": "resnet18", "experiment": "first",
}  # fmt: skip
MEASURED = {"val/iou": Metric(0.0)}


class Around:
    """A source that reads what lies around a checkpoint."""

    name = "config"
    cost = Cost.CHILD

    def __init__(self, stamp: FileStamp | None = None) -> None:
        self.stamp = stamp
        self.asked = 0

    def find(self, candidate: Candidate, said: Said) -> Finding | None:  # noqa: ARG002  # the protocol
        self.asked += 1
        return None

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        assert (root, directory) == (b"/r", b"run")
        return [] if self.stamp is None else [(b"run/config.yaml", self.stamp)]


class Says:
    """A source that gives one answer and counts how often it was asked."""

    cost = Cost.INLINE

    def __init__(self, answer: Finding | Exception | None, name: str = "sidecar") -> None:
        self.name = name
        self.answer = answer
        self.asked = 0

    def find(self, candidate: Candidate, said: Said) -> Finding | None:  # noqa: ARG002  # the protocol
        assert candidate is CANDIDATE
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def said(source: str, **kept: Any) -> Finding:
    return Finding(source, f"{source} of it", **kept)


def merged(*findings: Finding) -> Record:
    return merge(Asked(list(findings)))


def contradicted(**kept: Any) -> Finding:
    return said("sidecar", sidecar_state=SidecarState.CONTRADICTED, **kept)


# -- asking


def believed(**kept: Any) -> Finding:
    return said("sidecar", sidecar_state=SidecarState.VERIFIED, **kept)


def test_a_complete_document_that_is_believed_ends_the_asking() -> None:
    last = Says(said("names", facts={"epoch": 9}), "names")
    asked = Chain([Says(believed(facts=FULL, metrics=MEASURED))], last=[last]).ask(CANDIDATE)
    assert (len(asked.findings), last.asked) == (1, 0)


def test_answers_that_are_complete_only_together_end_the_asking() -> None:
    first = Says(said("names", facts={"experiment": "first"}), "names")
    second = Says(believed(facts={k: v for k, v in FULL.items() if k != "experiment"}, metrics=MEASURED))
    third = Says(None)
    asked = Chain([first, second], last=[third]).ask(CANDIDATE)
    assert ([f.source for f in asked.findings], third.asked) == (["names", "sidecar"], 0)


def test_a_document_that_was_not_proved_wrong_is_enough_when_it_is_complete() -> None:
    document = said("sidecar", sidecar_state=SidecarState.UNVERIFIED, facts=FULL, metrics=MEASURED)
    around = Around()
    asked = Chain([Says(document)], around=[around]).ask(CANDIDATE)
    assert (around.asked, asked.surroundings) == (0, None)


@pytest.mark.parametrize("state", [None, SidecarState.CONTRADICTED, SidecarState.INVALID, SidecarState.FROM_FUTURE])
def test_without_a_document_that_is_believed_everything_around_is_asked(state: SidecarState | None) -> None:
    around, last = Around(), Says(None, "names")
    document = said("sidecar", sidecar_state=state, facts=FULL, metrics=MEASURED)
    asked = Chain([Says(document)], around=[around], last=[last]).ask(CANDIDATE)
    assert (around.asked, last.asked) == (1, 1)
    assert asked.surroundings is not None


def test_another_state_of_the_surroundings_is_another_digest() -> None:
    before, after, none = Around(FileStamp(1, 2)), Around(FileStamp(1, 3)), Around(None)
    digests = {digest_of([around], b"/r", b"run") for around in (before, after, none)}
    assert len(digests) == 3
    assert digest_of([before], b"/r", b"run") == digest_of([Around(FileStamp(1, 2))], b"/r", b"run")


def test_the_second_voice_of_a_source_is_heard_as_well() -> None:
    quiet = said("header:monitor", metrics={"val/hmean": Metric(0.8)})
    first = said("header", facts={"epoch": 1}, also=[quiet])
    asked = Chain([Says(first, "header")]).ask(CANDIDATE)
    assert [finding.source for finding in asked.findings] == ["header", "header:monitor"]
    record = merge(asked)
    assert (record.source, record.provenance["metrics"]) == ("header", "header:monitor")


def test_what_was_said_before_is_heard_by_the_next() -> None:
    heard = []

    class Listens(Says):
        def find(self, candidate: Candidate, said: Said) -> Finding | None:
            heard.append((said.fact("epoch"), said.fact("experiment"), said.fact("global_step")))
            return super().find(candidate, said)

    first = said("names", facts={"epoch": 1, "experiment": "x"}, defaults=frozenset({"experiment"}))
    Chain([Says(first, "names"), Says(said("header", facts={"epoch": 0}), "header"), Listens(None)]).ask(CANDIDATE)
    assert heard == [(0, None, None)]


def test_a_source_without_an_answer_leaves_no_trace() -> None:
    asked = Chain([Says(None), Says(said("names"), "names")]).ask(CANDIDATE)
    assert ([f.source for f in asked.findings], asked.problems) == (["names"], [])


def test_a_source_that_fails_is_a_problem_and_hides_no_other() -> None:
    failing = Says(SourceUnavailable("no answer in 5 s"), "wandb")
    asked = Chain([failing, Says(said("names"), "names")]).ask(CANDIDATE)
    assert [f.source for f in asked.findings] == ["names"]
    assert asked.problems == [Problem("wandb_failed", "no answer in 5 s")]


def test_a_source_that_needs_a_child_ends_the_asking_at_once() -> None:
    last = Says(said("names"), "names")
    asked = Chain([Says(NeedsChild("too many brackets")), last]).ask(CANDIDATE)
    assert (asked.needs_child, asked.problems, last.asked) == (True, [], 0)


def test_a_bug_in_a_source_stays_a_bug() -> None:
    with pytest.raises(KeyError):
        Chain([Says(KeyError("oops"))]).ask(CANDIDATE)


@pytest.mark.parametrize("missing", COMPLETE)
def test_without_one_of_its_facts_an_answer_is_not_complete(missing: str) -> None:
    assert is_complete([said("sidecar", facts=FULL, metrics=MEASURED)])
    facts = {name: value for name, value in FULL.items() if name != missing}
    assert not is_complete([said("sidecar", facts=facts, metrics=MEASURED)])


@pytest.mark.parametrize("metrics", [{}, {"a": Metric(None)}, {"a": Metric(0.5, stale=True)}])
def test_without_a_fresh_metric_an_answer_is_not_complete(metrics: dict[str, Metric]) -> None:
    assert not is_complete([said("sidecar", facts=FULL, metrics=metrics)])


def test_a_contradicted_sidecar_completes_nothing() -> None:
    assert not is_complete([contradicted(facts=FULL, metrics=MEASURED)])


# -- merging


def test_the_more_trusted_source_wins_field_by_field() -> None:
    record = merged(
        said("names", facts={"epoch": 1, "backbone": "resnet18", "split": "test"}),
        said("sidecar", facts={"epoch": 2, "backbone": "resnet50"}),
        said("header", facts={"epoch": 3, "backbone": "vgg16"}),
    )
    assert record.facts == {"epoch": 3, "backbone": "resnet50", "split": "test"}
    assert record.provenance == {"epoch": "header", "backbone": "sidecar", "split": "names"}


def test_what_disagrees_is_kept_as_a_conflict() -> None:
    record = merged(said("names", facts={"epoch": 1}), said("sidecar", facts={"epoch": 2}))
    assert record.conflicts == [Conflict("epoch", 2, 1, "sidecar", "names")]


def test_what_agrees_is_no_conflict() -> None:
    assert merged(said("names", facts={"epoch": 1}), said("sidecar", facts={"epoch": 1})).conflicts == []


def test_of_two_answers_of_one_source_the_first_wins() -> None:
    record = merged(said("names", facts={"epoch": 1}), said("names", facts={"epoch": 2}))
    assert (record.facts, record.conflicts) == ({"epoch": 1}, [Conflict("epoch", 1, 2, "names", "names")])


def test_a_default_gives_way_to_any_other_source_without_a_conflict() -> None:
    default = said("sidecar", facts={"experiment": "run"}, defaults=frozenset({"experiment"}))
    record = merged(default, said("names", facts={"experiment": "mine"}))
    assert (record.facts["experiment"], record.provenance["experiment"]) == ("mine", "names")
    assert record.conflicts == []


def test_a_default_counts_where_nobody_knows_better() -> None:
    record = merged(said("names", facts={"experiment": "run"}, defaults=frozenset({"experiment"})))
    assert record.facts == {"experiment": "run"}


def test_metrics_fill_gaps_and_say_where_they_came_from() -> None:
    record = merged(
        said("names", metrics={"hmean": Metric(0.1), "val/iou": Metric(0.2)}),
        said("sidecar", metrics={"hmean": Metric(0.8)}),
    )
    assert record.metrics == {"hmean": Metric(0.8), "val/iou": Metric(0.2)}
    assert record.provenance == {"metrics": "sidecar", "metrics.val/iou": "names"}
    assert record.conflicts == [Conflict("metrics.hmean", 0.8, 0.1, "sidecar", "names")]
    assert record.headline == {"hmean": 0.8}


def test_a_stale_metric_is_in_conflict_with_nothing() -> None:
    stale = said("names", metrics={"hmean": Metric(0.1, stale=True)})
    assert merged(said("sidecar", metrics={"hmean": Metric(0.8)}), stale).conflicts == []


def test_a_conflict_names_the_source_of_the_metric_that_was_kept() -> None:
    record = merged(
        said("sidecar", metrics={"hmean": Metric(0.8)}),
        said("wandb", metrics={"val/iou": Metric(0.5)}),
        said("names", metrics={"val/iou": Metric(0.4)}),
    )
    assert record.conflicts == [Conflict("metrics.val/iou", 0.5, 0.4, "wandb", "names")]


def test_a_metric_off_its_scale_is_a_problem_and_no_headline() -> None:
    record = merged(said("sidecar", metrics={"hmean": Metric(84.3)}))
    assert (record.headline, [problem.kind for problem in record.problems]) == ({}, ["scale"])


def test_components_are_taken_role_by_role() -> None:
    encoder, decoder = Component("encoder", "resnet50", {}), Component("decoder", "unet", {})
    record = merged(
        said("names", components=[Component("encoder", "resnet18", {}), decoder]),
        said("sidecar", components=[encoder]),
    )
    assert record.components == [encoder, decoder]
    assert record.provenance == {"components": "sidecar"}


def test_hyper_parameters_and_directions_are_taken_key_by_key() -> None:
    record = merged(
        said("sidecar", params={"lr": 0.1, "seed": 1}, directions={"a": "min"}),
        said("header", params={"lr": 0.2, "batch": 8}, directions={"a": "max", "b": "max"}),
    )
    assert record.params == {"lr": 0.2, "batch": 8, "seed": 1}
    assert record.directions == {"a": "min", "b": "max"}
    assert record.provenance["params"] == "header"


def test_tags_problems_and_inputs_of_all_are_kept() -> None:
    asked = Asked(
        [
            said("sidecar", tags=["a"], problems=[Problem("p", "1")], inputs=[Input(b"x", 1, 2)]),
            said("names", tags=["b", "a"], inputs=[Input(b"y", None, None, absent=True)]),
        ],
        [Problem("wandb_failed", "off")],
    )
    record = merge(asked)
    assert record.tags == ["a", "b"]
    assert record.problems == [Problem("wandb_failed", "off"), Problem("p", "1")]
    assert record.inputs == [Input(b"x", 1, 2), Input(b"y", None, None, absent=True)]
    assert record.details == {"sidecar": "sidecar of it", "names": "names of it"}


def test_a_contradicted_sidecar_is_set_aside_for_epoch_step_and_metrics() -> None:
    record = merged(
        contradicted(facts={"epoch": 7, "monitor": "val/iou", "backbone": "resnet50"}, metrics={"hmean": Metric(0.9)}),
        said("names", facts={"epoch": 3, "backbone": "vgg16"}, metrics={"val/iou": Metric(0.4)}),
    )
    assert record.facts == {"epoch": 3, "monitor": "val/iou", "backbone": "resnet50"}
    assert (record.metrics, record.headline) == ({"val/iou": Metric(0.4)}, {})
    assert Conflict("epoch", 3, 7, "names", "sidecar") in record.conflicts
    assert "monitor" not in {conflict.field for conflict in record.conflicts}
    assert Conflict("metrics.hmean", None, 0.9, "names", "sidecar") in record.conflicts
    assert (record.has_sidecar, record.sidecar_state) == (True, SidecarState.CONTRADICTED)


def test_what_a_contradicted_sidecar_has_right_is_no_conflict() -> None:
    record = merged(
        contradicted(facts={"epoch": 3}, metrics={"hmean": Metric(0.9)}),
        said("names", facts={"epoch": 3}, metrics={"hmean": Metric(0.9)}),
    )
    assert record.conflicts == []


@pytest.mark.parametrize(
    ("findings", "speaker"),
    [
        ([said("names", facts={"epoch": 1}), said("sidecar", metrics=MEASURED)], "sidecar"),
        ([said("names", facts={"epoch": 1}), said("sidecar", facts={"split": "val"})], "names"),
        ([said("names", facts={"run_dir": "r"}), said("sidecar", facts={"split": "val"})], "sidecar"),
        ([], None),
    ],
)
def test_the_speaker_is_that_of_the_metrics_else_the_epoch_else_anything(
    findings: list[Finding], speaker: str | None
) -> None:
    assert merged(*findings).source == speaker


# -- properties

_facts = st.dictionaries(st.sampled_from(["epoch", "monitor", "backbone", "dataset"]), st.integers(0, 2))
_metrics = st.dictionaries(
    st.sampled_from(["hmean", "val/iou"]), st.builds(Metric, st.sampled_from([None, 0.0, 0.5]), st.booleans())
)


@st.composite
def _findings(draw: st.DrawFn) -> list[Finding]:
    """Return findings of different sources, so that no two have equal rank."""
    names = draw(st.lists(st.sampled_from(["sidecar", "wandb", "header", "trainer", "config", "names"]), unique=True))
    found = []
    for name in names:
        facts = draw(_facts)
        state = draw(st.sampled_from(SidecarState)) if name == "sidecar" else None
        found.append(
            Finding(
                name, name, facts=facts, metrics=draw(_metrics), params=draw(_facts), sidecar_state=state,
                defaults=draw(st.sets(st.sampled_from(sorted(facts))).map(frozenset)) if facts else frozenset(),
                components=[Component(role, name, {}) for role in draw(st.sets(st.sampled_from(["encoder", "head"])))],
            )
        )  # fmt: skip
    return found


def _meaning(record: Record) -> dict[str, object]:
    return {
        "facts": record.facts, "metrics": record.metrics, "headline": record.headline, "params": record.params,
        "provenance": record.provenance, "source": record.source, "state": record.sidecar_state,
        "components": _in_order(record.components), "conflicts": _in_order(record.conflicts),
    }  # fmt: skip


def _in_order(values: Iterable[object]) -> list[str]:
    return sorted(map(repr, values))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_order_of_the_findings_does_not_matter(data: st.DataObject) -> None:
    findings = data.draw(_findings())
    shuffled = data.draw(st.permutations(findings))
    assert _meaning(merged(*shuffled)) == _meaning(merged(*findings))


@settings(deadline=None, max_examples=75)
@given(_findings())
def test_merging_changes_no_finding(findings: list[Finding]) -> None:
    before = copy.deepcopy(findings)
    first = merged(*findings)
    assert findings == before
    assert merged(*findings) == first


@settings(deadline=None, max_examples=75)
@given(_findings())
def test_every_value_comes_from_a_source_that_said_it(findings: list[Finding]) -> None:
    record = merged(*findings)
    by_name = {finding.source: finding for finding in findings}
    for name, value in record.facts.items():
        assert by_name[record.provenance[name]].facts[name] == value
    for name, metric in record.metrics.items():
        source = record.provenance.get(f"metrics.{name}", record.provenance["metrics"])
        assert by_name[source].metrics[name] == metric


def test_a_history_without_this_step_makes_the_metrics_inside_the_file_stale() -> None:
    inside = said("header", metrics={"val/hmean": Metric(0.8)})
    record = merged(inside, said("trainer", denies=True))
    assert record.metrics == {"val/hmean": Metric(0.8, stale=True)}
    assert record.headline == {}
    document = said("sidecar", sidecar_state=SidecarState.VERIFIED, metrics={"val/hmean": Metric(0.9)})
    assert merged(inside, document, said("wandb", denies=True)).headline == {"hmean": 0.9}


def test_metrics_of_a_file_that_is_cut_off_are_shown_and_not_ranked() -> None:
    record = merged(said("header", metrics={"val/hmean": Metric(0.8)}, header={"complete": False}))
    assert (record.metrics, record.headline) == ({"val/hmean": Metric(0.8, stale=True)}, {})


def test_parameters_name_who_gave_most_of_them_and_who_gave_the_others() -> None:
    record = merged(
        said("config", params={"lr": 0.2, "seed": 1, "model.depth": 18}),
        said("header", params={"lr": 0.1}),
    )
    assert record.params == {"lr": 0.1, "seed": 1, "model.depth": 18}
    assert (record.provenance["params"], record.provenance["params.lr"]) == ("config", "header")
