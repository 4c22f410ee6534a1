"""Were settings found, are they valid, is anything set that nobody reads? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.tools.doctor import Check, count, failed, fine, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def files(found: Sequence[str], trouble: str | None, origins: Mapping[str, str]) -> Check:
    """Judge the settings: the files they were read from, what is wrong with them, key -> where its value came from."""
    name, facts = "settings.valid", {"files": list(found), "origins": dict(origins)}
    if trouble is not None:
        fix = "correct it; `ckpt-indexer config show` says what is in force, docs/settings.md what a key accepts"
        return failed(name, trouble, fix, **facts)
    if not found:
        set_elsewhere = f", {count(len(origins), 'value')} set by flag or environment" if origins else ""
        return fine(name, f"no settings file: defaults{set_elsewhere}", **facts)
    return fine(name, f"read from {', '.join(found)}", **facts)


def variables(environ: Mapping[str, str], *, prefix: str, known: frozenset[str]) -> Check:
    """Judge the environment: a variable that looks like ours and names no section is read by nobody."""
    name = "settings.environment"
    ours = sorted(variable for variable, value in environ.items() if variable.startswith(prefix) and value)
    unread = [variable for variable in ours if "__" not in variable and variable not in known]
    facts = {"variables": ours, "unread": unread}
    if unread:
        fix = f"write it {prefix}SECTION__KEY, with two underscores; the keys are in docs/settings.md"
        return warning(name, f"nobody reads {', '.join(unread)}", fix, **facts)
    return fine(name, f"{count(len(ours), 'variable')} set" if ours else "no variable set", **facts)
