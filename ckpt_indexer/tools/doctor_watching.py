"""Does the daemon answer, are the roots there, are changes in them noticed, how old is what is known? Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.tools.doctor import Check, count, failed, fine, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STALE_DAYS = 7
"""Without a daemon, a scan older than this is worth a word."""
CROWDED = 0.8
"""Share of the system's inotify watches that one program should leave to the others."""


class DaemonSeen(NamedTuple):
    """What there is of a daemon."""

    health: Mapping[str, Any] | None = None  # JSON values
    """What it said; None: nobody answered."""
    error: str | None = None
    """Why an answer did not come although somebody listens."""
    lock_held: bool = False
    pid: int | None = None
    """Who holds the lock, as the lock file says."""

    @property
    def is_running(self) -> bool:
        """Tell whether a daemon answers."""
        return self.health is not None


class RootSeen(NamedTuple):
    """A root, as the catalog or the settings know it and as it is."""

    name: str
    path: str
    known: bool
    """The catalog has it; False: only the settings name it."""
    trouble: str | None = None
    """Why nothing can be read there; None: it is there."""
    mode: str = "manual"
    """events, poll or manual, as the catalog says."""
    as_of: str | None = None
    is_network: bool = False
    directories: int | None = None
    """None: not counted."""

    @property
    def shown(self) -> str:
        """The root as a sentence names it."""
        return f"{self.name} ({self.path})"


class InotifyLimits(NamedTuple):
    """What the kernel allows one user."""

    watches: int
    instances: int
    queued: int


def daemon(seen: DaemonSeen) -> Check:
    """Judge whether a daemon answers and how it says it is."""
    name = "daemon.health"
    if seen.error is not None:
        fix = f"see its log; end process {seen.pid} and start `ckpt-indexer serve` again"
        return failed(name, f"a daemon listens but does not answer: {seen.error}", fix, running=True, pid=seen.pid)
    if seen.health is None:
        return _without_daemon(seen)
    facts = {
        "running": True,
        **{key: seen.health.get(key) for key in ("pid", "status", "reasons", "uptime_s", "backlog", "waiting")},
    }
    if seen.health.get("status") != "ok":
        reasons = "; ".join(map(str, seen.health.get("reasons") or ["it does not say why"]))
        return warning(name, f"the daemon is degraded: {reasons}", "see `ckpt-indexer status` and its log", **facts)
    return fine(name, f"process {seen.health.get('pid')} answers and is well", **facts)


def _without_daemon(seen: DaemonSeen) -> Check:
    name, facts = "daemon.health", {"running": False, "lock_held": seen.lock_held, "pid": seen.pid}
    if seen.lock_held:
        message = f"process {seen.pid} holds the catalog but does not listen: a scan, or a daemon that starts or hangs"
        return warning(name, message, "look again in a minute; if it stays, end that process", **facts)
    return fine(name, "no daemon is running; answers are as old as the last scan", **facts)


def watching(seen: DaemonSeen, roots: Sequence[RootSeen]) -> Check:
    """Judge how the daemon notices changes in each root."""
    name = "daemon.watching"
    if seen.health is None:
        return skipped(name, "no daemon is running")
    modes = {root.name: root.mode for root in roots if root.known}
    modes |= {str(key): str(value) for key, value in (seen.health.get("watch") or {}).items()}
    counted = seen.health.get("watched_directories") or {}
    held, wanted = counted.get("held"), counted.get("wanted")
    facts = {"modes": modes, "held": held, "wanted": wanted, "lost_events": seen.health.get("lost_events")}
    remote = {root.name for root in roots if root.is_network}
    polled = [root for root, mode in modes.items() if mode == "poll" and root not in remote]
    if polled:
        message = f"changes below {', '.join(polled)} are found by polling, not by events"
        return warning(name, message, "see the reasons in `ckpt-indexer status` and the limits below", **facts)
    if isinstance(held, int) and isinstance(wanted, int) and held < wanted:
        message = f"{held:,} of {count(wanted, 'directory', 'directories')} are watched, the others found by scans"
        return warning(name, message, "raise fs.inotify.max_user_watches, or serve fewer directories", **facts)
    beside = f"; polled because they lie on the network: {', '.join(sorted(remote))}" if remote else ""
    return fine(name, f"{count(held or 0, 'directory', 'directories')} watched{beside}", **facts)


def roots(seen: Sequence[RootSeen]) -> list[Check]:
    """Judge whether every root is there."""
    name, facts = "roots.reachable", {"roots": [{"name": root.name, "path": root.path} for root in seen]}
    if not seen:
        return [skipped(name, "no root is known yet: run `ckpt-indexer scan DIR`", **facts)]
    gone = [root for root in seen if root.trouble is not None]
    new = [root for root in seen if not root.known and root.trouble is None]
    found = [fine(name, f"{count(len(seen), 'root')} reachable: {', '.join(root.shown for root in seen)}", **facts)]
    if gone:
        message = "; ".join(f"{root.shown}: {root.trouble}" for root in gone)
        found = [
            failed(
                name,
                message,
                "mount it again, or correct the settings; its rows stay and are marked unreachable",
                **facts,
            )
        ]
    if new:
        message = f"the settings name {', '.join(root.shown for root in new)}, which was never scanned"
        found.append(warning("roots.configured", message, "run `ckpt-indexer scan`, or restart the daemon"))
    return found


def inotify(limits: InotifyLimits | None, seen: Sequence[RootSeen], *, most_watched: int) -> Check:
    """Judge whether the kernel lets the directories of all roots be watched. `most_watched`: our own limit."""
    name = "roots.inotify"
    if limits is None:
        return skipped(name, "this system does not say how many directories can be watched")
    counts = [root.directories for root in seen if root.directories is not None and not root.is_network]
    directories = sum(counts)
    facts = {**limits._asdict(), "directories": directories}
    wanted = min(directories, most_watched)
    if wanted > limits.watches * CROWDED:
        message = f"{count(directories, 'directory', 'directories')}, and the kernel allows {limits.watches:,} watches"
        fix = (
            f"sudo sysctl fs.inotify.max_user_watches={max(524_288, 4 * directories)}, and in /etc/sysctl.d to keep it"
        )
        return warning(name, message, fix, **facts)
    if directories > most_watched:
        message = f"more than {most_watched:,} directories: the most recently changed are watched, the others scanned"
        return fine(name, message, **facts)
    return fine(name, f"{count(directories, 'directory', 'directories')}, {limits.watches:,} watches allowed", **facts)


def scan_age(seen: Sequence[RootSeen], now: datetime, *, watched: bool, rescan_minutes: int) -> Check:
    """Judge the age of the last complete scan of each root. `now` is aware."""
    name = "roots.scanned"
    known = [root for root in seen if root.known]
    if not known:
        return skipped(name, "no root is known yet")
    never = [root.name for root in known if root.as_of is None]
    ages = {root.name: (now - _time(root.as_of)).total_seconds() for root in known if root.as_of is not None}
    facts = {"age_s": {root: round(age) for root, age in ages.items()}}
    if never:
        message = f"never scanned completely: {', '.join(never)}"
        return warning(
            name, message, "run `ckpt-indexer scan`; while it was interrupted nothing is called missing", **facts
        )
    limit = 60 * rescan_minutes * 3 if watched else STALE_DAYS * 86_400
    old = [f"{root} {_span(age)} ago" for root, age in ages.items() if age > limit]
    if old:
        fix = "see `ckpt-indexer status`: full scans should be more frequent" if watched else "run `ckpt-indexer scan`"
        return warning(name, f"last complete scan: {', '.join(old)}", fix, **facts)
    return fine(name, f"last complete scan {_span(max(ages.values()))} ago", **facts)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _span(seconds: float) -> str:
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(int(seconds // unit), 0)} {word}"
    return f"{int(seconds // 86_400)} days"
