"""Is what this program stands on there and new enough? Verdicts of gathered values; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.tools.doctor import Check, count, failed, fine, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = (3, 11)
SQLITE = (3, 38)
"""The first release with JSON functions built in (https://www.sqlite.org/json1.html); `MATERIALIZED` came with 3.35."""
OLDEST_TORCH = (2, 10)
"""Before, its weights-only loader had holes (GHSA-53q9-r3pm-6pq6, GHSA-63cw-57p8-fm3p)."""


class Package(NamedTuple):
    """A distribution, as it is and as it should be."""

    name: str
    version: str | None
    """None: not installed."""
    minimum: str | None = None
    """None: any."""

    @property
    def is_old(self) -> bool:
        """Tell whether it is installed and older than it should be."""
        return self.version is not None and self.minimum is not None and release(self.version) < release(self.minimum)


class WandbSeen(NamedTuple):
    """What there is of Weights & Biases."""

    package: Package
    enabled: bool
    project: str | None
    key: str | None
    """Where a key was found; never the key."""


def release(version: str) -> tuple[int, ...]:
    """Return the numbers a version begins with: (2, 13, 0) for `2.13.0+cpu`; none for what is no version."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def python(version: tuple[int, ...]) -> Check:
    """Judge the interpreter by its version."""
    shown = ".".join(map(str, version))
    if version < PYTHON:
        oldest = ".".join(map(str, PYTHON))
        return failed("installation.python", f"Python {shown}", f"install Python {oldest} or newer", version=shown)
    return fine("installation.python", f"Python {shown}", version=shown)


def sqlite(version: str, *, has_json: bool) -> Check:
    """Judge the SQLite library that Python was built with."""
    name, oldest = "installation.sqlite", ".".join(map(str, SQLITE))
    if release(version) < SQLITE or not has_json:
        what = f"SQLite {version}" if has_json else f"SQLite {version} without its JSON functions"
        fix = f"use a Python that was built with SQLite {oldest} or newer"
        return failed(name, what, fix, version=version, json=has_json)
    return fine(name, f"SQLite {version}", version=version, json=has_json)


def dependencies(required: Sequence[Package]) -> Check:
    """Judge what the package cannot do without."""
    name = "installation.dependencies"
    if not required:
        return skipped(name, "ckpt-indexer is not installed as a package, so nothing says what it needs")
    absent = [one.name for one in required if one.version is None]
    old = [f"{one.name} {one.version} (needs {one.minimum})" for one in required if one.is_old]
    facts = {one.name: one.version for one in required}
    if absent or old:
        parts = [f"not installed: {', '.join(absent)}"] * bool(absent) + [f"too old: {', '.join(old)}"] * bool(old)
        return failed(name, "; ".join(parts), "install again: pip install --upgrade ckpt-indexer", packages=facts)
    return fine(name, f"{count(len(required), 'package')}, all new enough", packages=facts)


def torch(package: Package, setting: str) -> Check:
    """Judge the last reader: torch, for files that nothing else can read."""
    name, oldest = "extras.torch", ".".join(map(str, OLDEST_TORCH))
    facts = {"version": package.version, "setting": setting}
    if setting == "off":
        return fine(name, "switched off (readers.torch = 'off'): files only torch can read stay unread", **facts)
    if package.version is None:
        return skipped(name, "not installed: only files that nothing else here can read would need it", **facts)
    if release(package.version) < OLDEST_TORCH:
        message = f"torch {package.version} is never asked to read files: its loader has known holes before {oldest}"
        return warning(name, message, f"upgrade torch to {oldest} or newer, or set readers.torch = 'off'", **facts)
    return fine(name, f"torch {package.version}, asked last, in a limited child (readers.torch = 'auto')", **facts)


def wandb(seen: WandbSeen) -> Check:
    """Judge whether the W&B server can be asked as the settings want."""
    name, version = "extras.wandb", seen.package.version
    facts = {"version": version, "enabled": seen.enabled, "project": seen.project, "key": seen.key}
    if not seen.enabled:
        return skipped(name, "its server is not asked (wandb.enabled = false); local run directories are read", **facts)
    if version is None:
        message = "wandb.enabled is true, but the wandb package is not installed"
        return failed(name, message, "pip install 'ckpt-indexer[wandb]'", **facts)
    if seen.package.is_old:
        message = f"wandb {version} is older than {seen.package.minimum}"
        return warning(name, message, "pip install --upgrade 'ckpt-indexer[wandb]'", **facts)
    if seen.key is None:
        message = "wandb.enabled is true, but there is no key in WANDB_API_KEY or the netrc file"
        return failed(name, message, "run `wandb login`, or set WANDB_API_KEY where the daemon starts", **facts)
    if seen.project is None:
        message = f"wandb {version}, key from {seen.key}; run ids that name no project are never sent"
        return warning(name, message, "set wandb.project, and wandb.entity, in the settings", **facts)
    return fine(name, f"wandb {version}, key from {seen.key}", **facts)


def training_side(package: Package, purpose: str) -> Check:
    """Judge a package that only training jobs need."""
    name = f"extras.{package.name}"
    facts = {"version": package.version}
    if package.version is None:
        return skipped(name, f"not installed: needed only {purpose}", **facts)
    if package.is_old:
        message = f"{package.name} {package.version} is older than {package.minimum}"
        return warning(name, message, f"pip install --upgrade 'ckpt-indexer[{package.name}]'", **facts)
    return fine(name, f"{package.name} {package.version}", **facts)
