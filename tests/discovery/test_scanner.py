"""The walk, one directory, one path: the same rules for all three."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Fingerprint, Kind
from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.rules import MAX_SHARDED_NAMES
from ckpt_indexer.discovery.scanner import is_absent, list_directory, look, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.discovery.listing import Listing
    from tests.discovery.conftest import Tree

OPTIONS = Options()


def _paths(root: bytes, start: bytes = b"", options: Options = OPTIONS) -> list[bytes]:
    return [candidate.path for listing in scan(root, start, options=options) for candidate in listing.candidates]


def _kinds(root: bytes) -> dict[bytes, Kind]:
    return {c.path: c.kind for listing in scan(root, options=OPTIONS) for c in listing.candidates}


def _problems(root: bytes) -> dict[bytes, str]:
    return {path: problem.kind for listing in scan(root, options=OPTIONS) for path, problem in listing.problems}


def _digests(root: bytes) -> dict[bytes, bytes]:
    return {listing.directory: listing.digest for listing in scan(root, options=OPTIONS)}


def _only(root: bytes) -> Listing:
    (listing,) = scan(root, options=OPTIONS)
    return listing


def test_candidates_are_sorted_and_know_their_neighbours(tree: Tree) -> None:
    for name in ("run/b.ckpt", "run/a.pth.tar", "run/a.metadata.yaml", "run/events.log", "run/c.ckpt.tmp"):
        tree.file(name)
    listing = _only(tree.root)
    assert listing.directory == b"run"
    assert [candidate.path for candidate in listing.candidates] == [b"run/a.pth.tar", b"run/b.ckpt"]
    assert set(listing.neighbours) == {b"a.pth.tar", b"b.ckpt", b"a.metadata.yaml"}
    assert listing.candidates[0].neighbours is listing.neighbours
    assert listing.candidates[0].fingerprint == Fingerprint.of(os.stat(tree.at("run/a.pth.tar")))
    assert len(listing.digest) == 16
    assert listing.complete


def test_hidden_tool_and_excluded_directories_are_not_walked(tree: Tree) -> None:
    for name in (
        "wandb/x/a.ckpt",
        ".cache/a.ckpt",
        "__pycache__/a.pt",
        ".git/a.pt",
        "old/a.ckpt",
        "keep/a.ckpt",
        ".b.ckpt",
    ):
        tree.file(name)
    assert _paths(tree.root, options=Options(excludes=("old",))) == [b"keep/a.ckpt"]


def test_directories_come_after_those_below_them_in_a_fixed_order(tree: Tree) -> None:
    for name in ("b/x/1.pt", "b/1.pt", "a/1.pt", "1.pt"):
        tree.file(name)
    assert [listing.directory for listing in scan(tree.root, options=OPTIONS)] == [b"a", b"b/x", b"b", b""]


def test_one_walk_makes_one_stat_per_file_that_counts(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        tree.file(f"run/{number}.ckpt")
        tree.file(f"run/{number}.log")
    stats: list[str] = []

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name = entry.name
            self.is_dir = entry.is_dir
            self.is_symlink = entry.is_symlink
            self._entry = entry

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            stats.append(self.name)
            return self._entry.stat(follow_symlinks=follow_symlinks)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda at: _Wrapped(real(at), Entry))
    assert len(_paths(tree.root)) == 20
    assert sorted(stats) == sorted(f"{number}.ckpt" for number in range(20))


class _Wrapped:
    """A scandir result whose entries are wrapped."""

    def __init__(self, found: Any, wrap: Callable[[Any], Any]) -> None:
        self._found, self._wrap = found, wrap

    def __enter__(self) -> Any:
        return map(self._wrap, self._found)

    def __exit__(self, *error: object) -> None:
        self._found.close()


@pytest.mark.parametrize(
    "name",
    [
        b"\x80\xff.ckpt",
        b"new\nline.ckpt",
        b"'\"`$(x).ckpt",
        b"<b>&amp;.ckpt",
        "🦊.ckpt".encode(),
        b"-rf.ckpt",
        b"a" * 250 + b".ckpt",
        b" .ckpt",
    ],
)
def test_a_name_of_any_bytes_is_found_and_looked_at(tree: Tree, name: bytes) -> None:
    tree.file(name)
    tree.file(b"\xfe dir/" + name)
    assert sorted(_paths(tree.root)) == sorted([name, b"\xfe dir/" + name])
    seen = look(tree.root, b"\xfe dir/" + name, options=OPTIONS)
    assert seen is not None
    assert seen.absolute == tree.at(b"\xfe dir/" + name)


# --- links and special files ---------------------------------------------------------------------------------------


def test_a_link_to_a_checkpoint_of_the_root_is_a_symlink_candidate(tree: Tree) -> None:
    target = tree.file("run/best.ckpt", b"12345")
    tree.directory("links")
    os.symlink(b"../run/best.ckpt", tree.at("links/last.ckpt"))
    (link,) = [c for listing in scan(tree.root, b"links", options=OPTIONS) for c in listing.candidates]
    assert (link.kind, link.target) == (Kind.SYMLINK, b"run/best.ckpt")
    assert link.fingerprint == Fingerprint.of(os.stat(target))
    seen = look(tree.root, b"links/last.ckpt", options=OPTIONS)
    assert seen is not None
    assert (seen.kind, seen.target, seen.fingerprint) == (link.kind, link.target, link.fingerprint)


def test_links_that_lead_nowhere_we_know_are_told_and_not_followed(tree: Tree, tmp_path: Any) -> None:
    outside = tmp_path / "outside.ckpt"
    outside.write_text("x")
    tree.file("notes.txt")
    for name, target in {
        "out.ckpt": os.fsencode(outside),
        "gone.ckpt": b"absent.ckpt",
        "self.ckpt": b"self.ckpt",
        "text.ckpt": b"notes.txt",
    }.items():
        os.symlink(target, tree.at(name))
        assert look(tree.root, os.fsencode(name), options=OPTIONS) is None
    assert _paths(tree.root) == []
    assert _problems(tree.root) == dict.fromkeys([b"gone.ckpt", b"out.ckpt", b"self.ckpt", b"text.ckpt"], "not_a_file")


def test_a_directory_link_is_reported_and_never_entered(tree: Tree) -> None:
    tree.file("a/x.ckpt")
    os.symlink(b"..", tree.at("a/up"))
    os.symlink(b"a", tree.at("b.ckpt"))
    os.symlink(b"loop", tree.at("a/loop"))
    assert _paths(tree.root) == [b"a/x.ckpt"]
    assert _problems(tree.root) == {b"a/up": "symlink_directory", b"b.ckpt": "symlink_directory"}
    assert look(tree.root, b"a/up/a/x.ckpt", options=OPTIONS) is None
    assert [listing.directory for listing in scan(tree.root, b"a/up/a", options=OPTIONS)] == [b"a"]


def test_fifos_sockets_and_devices_are_told_and_never_opened(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tree.at("pipe.ckpt"))
    monkeypatch.chdir(os.fsdecode(tree.root))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock.ckpt")
        assert _paths(tree.root) == []
        assert _problems(tree.root) == {b"pipe.ckpt": "not_a_file", b"sock.ckpt": "not_a_file"}
        assert look(tree.root, b"pipe.ckpt", options=OPTIONS) is None


def test_a_hard_link_is_a_file_of_its_own(tree: Tree) -> None:
    os.link(tree.file("a.ckpt"), tree.at("b.ckpt"))
    first, second = _only(tree.root).candidates
    assert first.fingerprint.inode == second.fingerprint.inode


# --- directory checkpoints -----------------------------------------------------------------------------------------


def _hf(tree: Tree, at: str) -> None:
    for name in ("trainer_state.json", "model.safetensors", "optimizer.pt"):
        tree.file(f"{at}/{name}")


def _deepspeed(tree: Tree, at: str) -> None:
    tree.file(f"{at}/latest")
    tree.file(f"{at}/global_step5/mp_rank_00_model_states.pt")


def _dcp(tree: Tree, at: str) -> None:
    tree.file(f"{at}/.metadata")
    tree.file(f"{at}/__0_0.distcp")


def _sharded(tree: Tree, at: str) -> None:
    tree.file(f"{at}/model.safetensors.index.json")
    tree.file(f"{at}/model-00001-of-00001.safetensors")


@pytest.mark.parametrize(
    ("build", "name"), [(_hf, "checkpoint-500"), (_deepspeed, "e=1.ckpt"), (_dcp, "step1"), (_sharded, "final")]
)
def test_a_directory_checkpoint_is_one_candidate_everywhere(tree: Tree, build: Callable[..., None], name: str) -> None:
    build(tree, f"run/{name}")
    path = os.fsencode(f"run/{name}")
    assert _kinds(tree.root) == {path: Kind.DIRECTORY}
    seen, listing = look(tree.root, path, options=OPTIONS), list_directory(tree.root, b"run", options=OPTIONS)
    assert seen is not None
    assert listing is not None
    (candidate,) = listing.candidates
    assert seen.kind is Kind.DIRECTORY
    assert seen.fingerprint == candidate.fingerprint
    assert _digests(tree.root) == {b"run": listing.digest}
    inside = os.fsencode(next(f for f in os.listdir(tree.at(path)) if not f.startswith(b".")))
    assert look(tree.root, path + b"/" + inside, options=OPTIONS) is None


@pytest.mark.parametrize(
    "start", [b"run/checkpoint-500", b"run/checkpoint-500/sub", b"run/checkpoint-500/optimizer.pt"]
)
def test_a_scan_from_inside_a_checkpoint_gives_the_directory_that_lists_it(tree: Tree, start: bytes) -> None:
    _hf(tree, "run/checkpoint-500")
    tree.file("run/checkpoint-500/sub/part.pt")
    tree.file("run/other/a.ckpt")
    assert [listing.directory for listing in scan(tree.root, start, options=OPTIONS)] == [b"run"]
    assert _paths(tree.root, start) == [b"run/checkpoint-500"]


def test_a_scan_from_a_file_gives_its_directory(tree: Tree) -> None:
    tree.file("run/a.ckpt")
    tree.file("run/b.ckpt")
    assert _paths(tree.root, b"run/a.ckpt") == [b"run/a.ckpt", b"run/b.ckpt"]


@pytest.mark.parametrize("start", [b"gone", b"gone/deeper", b"wandb/x"])
def test_a_scan_from_what_is_gone_or_excluded_gives_nothing(tree: Tree, start: bytes) -> None:
    tree.file("wandb/x/a.ckpt")
    tree.file("a.ckpt")
    assert list(scan(tree.root, start, options=OPTIONS)) == []


def test_trainer_checkpoints_beside_a_sharded_model_are_not_lost(tree: Tree) -> None:
    _sharded(tree, "run")
    _hf(tree, "run/checkpoint-5")
    tree.file("run/sub/part.pt")
    assert _kinds(tree.root) == {b"run": Kind.DIRECTORY, b"run/checkpoint-5": Kind.DIRECTORY}
    assert look(tree.root, b"run/checkpoint-5", options=OPTIONS) is not None
    assert sorted(_paths(tree.root, b"run")) == [b"run", b"run/checkpoint-5"]


def test_a_crowded_directory_is_judged_by_its_markers_alone(tree: Tree) -> None:
    for number in range(MAX_SHARDED_NAMES + 1):
        tree.file(f"run/{number}.ckpt", b"")
    tree.file("run/model.safetensors.index.json")
    assert look(tree.root, b"run", options=OPTIONS) is None
    assert look(tree.root, b"run/1.ckpt", options=OPTIONS) is not None
    _dcp(tree, "run")
    assert _kinds(tree.root) == {b"run": Kind.DIRECTORY}
    assert look(tree.root, b"run", options=OPTIONS) is not None
    assert look(tree.root, b"run/1.ckpt", options=OPTIONS) is None


def test_an_unmarked_directory_with_a_checkpoint_name_is_walked(tree: Tree) -> None:
    tree.file("x.ckpt/inner.pt")
    tree.file("checkpoint-7/model.safetensors")
    tree.file("outputs/trainer_state.json")
    tree.file("outputs/model.safetensors")
    assert set(_kinds(tree.root).values()) == {Kind.FILE}
    assert sorted(_paths(tree.root)) == [
        b"checkpoint-7/model.safetensors",
        b"outputs/model.safetensors",
        b"x.ckpt/inner.pt",
    ]
    assert look(tree.root, b"x.ckpt", options=OPTIONS) is None


def test_the_root_itself_is_never_a_directory_checkpoint(tree: Tree) -> None:
    _sharded(tree, ".")
    assert _paths(tree.root) == [b"model-00001-of-00001.safetensors"]


def test_a_change_inside_changes_the_fingerprint_of_a_directory_checkpoint(tree: Tree) -> None:
    _hf(tree, "checkpoint-1")
    before = look(tree.root, b"checkpoint-1", options=OPTIONS)
    tree.file("checkpoint-1/deep/more.bin", b"123")
    after = look(tree.root, b"checkpoint-1", options=OPTIONS)
    assert before is not None
    assert after is not None
    assert after.fingerprint.size_bytes == before.fingerprint.size_bytes + 3
    assert before.fingerprint[:2] == after.fingerprint[:2]


# --- change detection ----------------------------------------------------------------------------------------------


def test_nothing_changed_means_the_same_digest(tree: Tree) -> None:
    tree.file("run/a.ckpt")
    tree.file("run/a.metadata.yaml")
    os.symlink(b"a.ckpt", tree.at("run/last.ckpt"))
    assert _digests(tree.root) == _digests(tree.root)


def test_a_rewrite_of_the_same_size_with_the_mtime_put_back_is_seen(tree: Tree) -> None:
    path = tree.file("a.ckpt", b"aaaa")
    stat = os.stat(path)
    before, digest = look(tree.root, b"a.ckpt", options=OPTIONS), _digests(tree.root)
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, b"bbbb")
    os.close(descriptor)
    while os.stat(path).st_ctime_ns == stat.st_ctime_ns:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = look(tree.root, b"a.ckpt", options=OPTIONS)
    assert before is not None
    assert after is not None
    assert after.fingerprint.mtime_ns == before.fingerprint.mtime_ns
    assert after.fingerprint != before.fingerprint
    assert _digests(tree.root) != digest


@pytest.mark.parametrize("change", ["add", "remove", "rename", "rewrite", "sidecar", "link target"])
def test_every_change_changes_the_digest(tree: Tree, change: str) -> None:
    tree.file("run/a.ckpt")
    tree.file("run/b.ckpt")
    tree.file("run/a.metadata.yaml")
    tree.file("far.ckpt")
    os.symlink(b"../far.ckpt", tree.at("run/last.ckpt"))
    before = _digests(tree.root)[b"run"]
    changes: dict[str, Callable[[], object]] = {
        "add": lambda: tree.file("run/c.ckpt"),
        "remove": lambda: os.unlink(tree.at("run/b.ckpt")),
        "rename": lambda: os.rename(tree.at("run/b.ckpt"), tree.at("run/c.ckpt")),
        "rewrite": lambda: tree.file("run/b.ckpt", b"longer"),
        "sidecar": lambda: tree.file("run/a.metadata.yaml", b"longer"),
        "link target": lambda: tree.file("far.ckpt", b"longer"),
    }
    changes[change]()
    assert _digests(tree.root)[b"run"] != before


def test_a_file_that_does_not_count_leaves_the_digest(tree: Tree) -> None:
    tree.file("run/a.ckpt")
    before = _digests(tree.root)
    tree.file("run/events.log")
    assert _digests(tree.root) == before


def test_times_beyond_64_bits_do_not_break_the_digest(tree: Tree) -> None:
    path = tree.file("a.ckpt")
    os.utime(path, (2**34 - 1, 2**34 - 1))
    assert len(_only(tree.root).digest) == 16


def test_a_listing_knows_whether_it_is_too_young_to_trust(tree: Tree) -> None:
    path = tree.file("a.ckpt")
    listing, changed = _only(tree.root), os.stat(path).st_ctime_ns
    assert listing.changed_since(changed)
    assert not listing.changed_since(changed + 1)


# --- what cannot be read -------------------------------------------------------------------------------------------


def test_an_unreadable_directory_is_reported_and_not_complete(
    tree: Tree, as_nobody: Callable[[Callable[[], None]], None]
) -> None:
    tree.file("ok/a.ckpt")
    tree.file("closed/b.ckpt")
    os.chmod(tree.at("closed"), 0)
    root_fd = os.open(tree.root, os.O_RDONLY)

    def check() -> None:
        os.fchdir(root_fd)
        found = {listing.directory: listing for listing in scan(b".", options=OPTIONS)}
        assert found[b"ok"].complete
        assert not found[b"closed"].complete
        ((path, problem),) = found[b"closed"].problems
        assert (path, problem.kind) == (b"closed", "unreadable")
        assert "Permission denied" in problem.message

    as_nobody(check)
    os.chmod(tree.at("closed"), 0o755)
    as_nobody(lambda: _assert_open(root_fd))
    os.close(root_fd)


def _assert_open(root_fd: int) -> None:
    os.fchdir(root_fd)
    assert sorted(_paths(b".")) == [b"closed/b.ckpt", b"ok/a.ckpt"]


def test_a_directory_that_can_be_listed_but_not_entered_is_not_complete(
    tree: Tree, as_nobody: Callable[[Callable[[], None]], None]
) -> None:
    tree.file("closed/b.ckpt")
    os.chmod(tree.at("closed"), 0o444)
    root_fd = os.open(tree.root, os.O_RDONLY)

    def check() -> None:
        os.fchdir(root_fd)
        (listing,) = scan(b".", options=OPTIONS)
        assert (listing.candidates, listing.complete) == ([], False)
        assert listing.problems[0][1].kind == "unreadable"

    as_nobody(check)
    os.close(root_fd)


def test_only_what_the_disk_denies_is_absent(tree: Tree, as_nobody: Callable[[Callable[[], None]], None]) -> None:
    for name in ("ok/a.ckpt", "closed/deep/b.ckpt", "ok/notes.txt"):
        tree.file(name)
    os.chmod(tree.at("closed"), 0)
    root_fd = os.open(tree.root, os.O_RDONLY)

    def check() -> None:
        os.fchdir(root_fd)
        absent = {name: is_absent(b".", name, options=OPTIONS) for name in (b"closed/deep/b.ckpt", b"ok/a.ckpt")}
        assert absent == {b"closed/deep/b.ckpt": False, b"ok/a.ckpt": False}
        for name in (b"gone.ckpt", b"gone/x.ckpt", b"ok/a.ckpt/x.ckpt", b"ok/notes.txt", b"ok/a\0.ckpt"):
            assert is_absent(b".", name, options=OPTIONS)
        assert not is_absent(b"no-such-root", b"a.ckpt", options=OPTIONS)
        (listing,) = scan(b".", b"closed/deep", options=OPTIONS)
        assert not listing.complete
        alone = list_directory(b".", b"closed/deep", options=OPTIONS)
        assert alone is not None
        assert not alone.complete

    as_nobody(check)
    os.close(root_fd)


def test_a_passing_input_output_error_loses_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.file("a/x.ckpt")
    tree.file("b/y.ckpt")
    real: Any = os.scandir
    failed: list[int] = []

    def fail_once(at: Any) -> Any:
        found = real(at)
        if not failed and os.path.basename(os.readlink(f"/proc/self/fd/{at}")) == "a":
            failed.append(at)
            found.close()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return found

    monkeypatch.setattr(os, "scandir", fail_once)
    first = {listing.directory: listing.complete for listing in scan(tree.root, options=OPTIONS)}
    assert first == {b"a": False, b"b": True}
    assert _paths(tree.root) == [b"a/x.ckpt", b"b/y.ckpt"]


def test_a_directory_that_vanishes_during_the_walk_is_just_gone(tree: Tree) -> None:
    tree.file("a/x.ckpt")
    tree.file("b/y.ckpt")
    walk = scan(tree.root, options=OPTIONS)
    assert next(walk).directory == b"a"
    shutil.rmtree(tree.at("b"))
    assert list(walk) == []


def test_a_root_that_goes_during_the_walk_makes_it_incomplete(tree: Tree) -> None:
    tree.file("a/x.ckpt")
    tree.file("b/y.ckpt")
    walk = scan(tree.root, options=OPTIONS)
    next(walk)
    os.rename(tree.root, tree.root + b".away")
    *_, last = walk
    assert (last.directory, last.complete, last.problems[0][1].kind) == (b"", False, "root_changed")


def test_an_absent_root_is_not_complete(tree: Tree) -> None:
    (listing,) = scan(tree.root + b"/absent", options=OPTIONS)
    assert not listing.complete
    assert look(tree.root + b"/absent", b"a.ckpt", options=OPTIONS) is None


@pytest.fixture
def deep(tree: Tree) -> Iterator[Tree]:
    """A tree deeper than Python can remove."""
    yield tree
    subprocess.run(["rm", "-rf", "--", os.fsdecode(tree.root)], check=True)


def test_paths_up_to_the_systems_limit_work_and_longer_ones_are_reported(deep: Tree) -> None:
    tree = deep
    here = os.open(tree.root, os.O_RDONLY)
    depth, length = 0, len(tree.root)
    while length < 4400:
        os.mkdir(b"d" * 100, dir_fd=here)
        below = os.open(b"d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, depth, length = below, depth + 1, length + 101
        if length < 3900:
            os.close(os.open(b"a.ckpt", os.O_CREAT, dir_fd=here))
    os.close(here)
    found = _paths(tree.root)
    assert len(found) == sum(len(tree.root) + 101 * (n + 1) < 3900 for n in range(depth))
    deepest = max(found, key=len)
    assert look(tree.root, deepest, options=OPTIONS) is not None
    assert set(_problems(tree.root).values()) == {"too_deep"}


def test_a_thousand_levels_need_no_recursion(deep: Tree) -> None:
    tree = deep
    path = b"/".join([b"d"] * 1050)
    tree.directory(path)
    tree.file(path + b"/a.ckpt")
    assert _paths(tree.root) == [path + b"/a.ckpt"]
    assert look(tree.root, path + b"/a.ckpt", options=OPTIONS) is not None
