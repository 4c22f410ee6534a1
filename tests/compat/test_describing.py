"""What an entry is told from, when files are at rest and when they are not."""

from __future__ import annotations

import os
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.compat.below import Below, list_checkpoints, look_below
from ckpt_indexer.compat.describing import Describer
from ckpt_indexer.compat.opened import open_sources, settings_in_force
from ckpt_indexer.compat.told import Told, entry_of, from_metadata, from_row
from ckpt_indexer.discovery.options import Options
from tests.compat.catalog_files import described, metadata, place, saved, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sources.chain import Asked, Chain


class Interrupted:
    """A chain before whose answers something happens to the file."""

    def __init__(self, chain: Chain, happens: Callable[[], object]) -> None:
        self._chain = chain
        self._happens = happens
        self.reads_files = chain.reads_files
        self.asked = 0

    def ask(self, candidate: Candidate) -> Asked:
        answer = self._chain.ask(candidate)
        self.asked += 1
        self._happens()
        return answer


def rules(_root: bytes) -> Options:
    return Options()


def below(directory: Path, **more: Any) -> Below:
    found = look_below(directory, rules=rules, digest=lambda _root, _directory: b"", **more)
    assert found is not None
    return found


@pytest.fixture
def thorough() -> Iterator[Chain]:
    with open_sources(settings_in_force()) as opened:
        yield opened.thorough


def test_a_file_that_changes_while_it_is_read_is_read_again(outputs: Path, thorough: Chain) -> None:
    checkpoint = saved(place(outputs, "a.ckpt"), epoch=1)
    seen = below(outputs).candidates

    def rewrite() -> None:
        if chain.asked == 1:
            saved(checkpoint, epoch=2)

    chain: Any = Interrupted(thorough, rewrite)
    (answer,) = Describer(thorough=chain, rules=rules).describe(seen).values()
    assert (answer.told.epoch, answer.lasting) == (2, True)


def test_a_file_that_never_rests_is_told_by_its_name(outputs: Path, thorough: Chain) -> None:
    checkpoint = saved(place(outputs, "epoch=9.ckpt"), epoch=1)
    seen = below(outputs).candidates
    chain: Any = Interrupted(thorough, lambda: saved(checkpoint, epoch=1))
    (answer,) = Describer(thorough=chain, rules=rules).describe(seen).values()
    assert (answer.told.epoch, answer.told.experiment, answer.lasting) == (9, "test_exp", False)


def test_a_file_that_goes_while_it_is_read_is_left_out(outputs: Path, thorough: Chain) -> None:
    checkpoint = saved(place(outputs, "a.ckpt"))
    seen = below(outputs).candidates
    chain: Any = Interrupted(thorough, lambda: checkpoint.unlink(missing_ok=True))
    assert Describer(thorough=chain, rules=rules).describe(seen) == {}


def test_a_link_is_told_by_its_target_even_when_that_was_not_asked_for(outputs: Path, thorough: Chain) -> None:
    described(place(outputs, "best.ckpt"), epoch=4)
    place(outputs, "last.ckpt").symlink_to("best.ckpt")
    links = [one for one in below(outputs).candidates if one.name == b"last.ckpt"]
    found = Describer(thorough=thorough, rules=rules).describe(links)
    assert [(path.rpartition(b"/")[2], answer.told.epoch) for path, answer in found.items()] == [(b"last.ckpt", 4)]


def test_a_document_that_says_all_spares_reading_the_file(outputs: Path, thorough: Chain) -> None:
    described(place(outputs, "a.ckpt"))
    chain: Any = Interrupted(thorough, lambda: None)
    Describer(thorough=chain, rules=rules).describe(below(outputs).candidates)
    assert chain.asked == 0


def test_the_signature_differs_with_anything_that_matters(outputs: Path) -> None:
    checkpoint = described(place(outputs, "a.ckpt"))
    signatures = [below(outputs).signature]
    for change in (
        lambda: described(checkpoint, hmean=0.1),
        lambda: saved(checkpoint),
        lambda: place(outputs, "b.ckpt").symlink_to("a.ckpt"),
        lambda: place(outputs, "c.ckpt", "x").touch(),
    ):
        change()
        signatures.append(below(outputs).signature)
    place(outputs, "notes.txt").touch()
    assert below(outputs).signature == signatures[-1]
    assert len(set(signatures)) == len(signatures)


def test_directories_that_just_changed_are_young(outputs: Path) -> None:
    place(outputs, "a.ckpt", "old").touch()
    now = place(outputs, "a.ckpt", "old").stat().st_ctime_ns
    assert below(outputs, now_ns=lambda: now).young == {b"old/checkpoints"}
    assert below(outputs, now_ns=lambda: now + 10**9).young == set()


def test_excluded_checkpoints_are_not_below(outputs: Path) -> None:
    place(outputs, "a.ckpt", "keep").touch()
    place(outputs, "a.ckpt", "skip").touch()
    options = Options(excludes=("skip",))
    found = look_below(outputs, rules=lambda _root: options, digest=lambda _root, _directory: b"")
    assert found is not None
    assert [one.path for one in found.candidates] == [b"keep/checkpoints/a.ckpt"]


def test_checkpoints_are_listed_as_the_directory_was_given(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(outputs, "a.ckpt").touch()
    (outputs / "b.ckpt").touch()
    monkeypatch.chdir(outputs.parent)
    assert list_checkpoints("outputs") == [b"outputs/b.ckpt", b"outputs/test_exp/checkpoints/a.ckpt"]
    assert list_checkpoints("outputs", recursive=False) == [b"outputs/b.ckpt"]
    assert list_checkpoints("none") == []


def test_gaps_are_filled_and_nothing_is_overwritten() -> None:
    first = Told(epoch=0, precision=0.0, has_metadata=False)
    second = Told(epoch=5, backbone="resnet18", hmean=0.9, precision=0.9, has_metadata=True)
    assert first.filled(second) == Told(epoch=0, backbone="resnet18", precision=0.0, has_metadata=True)
    assert Told(epoch=1).filled(second).hmean == 0.9


def test_unknown_in_metadata_is_not_known() -> None:
    given = metadata()
    given.model.architecture = " Unknown "
    given.model.encoder.model_name = ""
    told = from_metadata(given)
    assert (told.architecture, told.backbone, told.experiment) == (None, None, "test_exp")


@pytest.mark.parametrize(
    ("created_at", "stamp"),
    [
        ("2025-10-18T12:32:15Z", "20251018_1432"),
        ("2025-10-18T14:32:15", "20251018_1432"),
        ("2025-10-18T23:32:15+00:00", "20251019_0132"),
        (None, ""),
    ],
)
def test_moments_are_told_in_local_time(created_at: str | None, stamp: str) -> None:
    told = from_row({"created_at": created_at}, b"/o")
    entry = entry_of(Path("a.ckpt"), told, None, zone=zoneinfo.ZoneInfo("Europe/Berlin"))
    assert entry.created_timestamp == stamp


def test_a_config_that_only_the_sources_found_is_given(outputs: Path) -> None:
    told = from_row({"config_path": "exp/caf\udce9.yaml", "sidecar_state": "invalid"}, os.fsencode(outputs))
    entry = entry_of(outputs / "a.ckpt", told, None)
    assert os.fsencode(entry.config_path or "") == os.fsencode(outputs) + b"/exp/caf\xe9.yaml"
    assert not entry.has_metadata
    assert entry_of(outputs / "a.ckpt", told, Path("own.yaml")).config_path == Path("own.yaml")


def test_a_settled_tree_has_no_young_directories(outputs: Path) -> None:
    place(outputs, "a.ckpt").touch()
    settled(outputs)
    ctime = place(outputs, "a.ckpt").stat().st_ctime_ns
    assert not below(outputs, now_ns=lambda: ctime + 10**9).young


def test_a_link_that_leads_to_where_nobody_looked_is_never_sure(outputs: Path) -> None:
    place(outputs, "best.ckpt", "a").touch()
    place(outputs, "last.ckpt", "b").symlink_to("../../a/checkpoints/best.ckpt")
    later = 2**62
    assert below(outputs, now_ns=lambda: later).young == set()
    part = below(outputs / "b", now_ns=lambda: later, known_roots=[os.fsencode(outputs)])
    assert part.young == {b"b/checkpoints"}
