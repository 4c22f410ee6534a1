"""Documents beside checkpoints: convert, validate, migrate. Builds what these tools are made of and runs them."""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.app.build import rules_of
from ckpt_indexer.errors import MetadataError, QueryError, ResourceShortage, SourceUnavailable, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.ingest.summary import ScanProgress
    from ckpt_indexer.metadata.families import Families
    from ckpt_indexer.metadata.record import Record
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.sources.wandb.cache import Cached
    from ckpt_indexer.tools.convert import Options as ConvertOptions
    from ckpt_indexer.tools.migrate_metadata import Options as MigrateOptions
    from ckpt_indexer.tools.plan import Plan
    from ckpt_indexer.tools.selection import Found, Progress, Wanted
    from ckpt_indexer.tools.validate import Validation

    Listener = Callable[[ScanProgress], None]


class Run(NamedTuple):
    """How one of these commands is to run."""

    dry_run: bool = False
    """Plan only."""
    progress: Listener | None = None
    on_plan: Callable[[Plan], None] | None = None
    """Called with the plan before anything is written."""


class Readers(NamedTuple):
    """What reads checkpoints and documents."""

    describe: Callable[[Candidate], Record]
    parse: Callable[[bytes], Any]  # returns whatever the document holds


def convert(settings: Settings, wanted: Wanted, options: ConvertOptions, run: Run) -> Plan:
    """Write documents for checkpoints that have none; return what became of each.

    Raises:
        QueryError: what was named is no checkpoint, or nothing was named and no directory is known.
    """
    from ckpt_indexer.tools.convert import Converter
    from ckpt_indexer.tools.plan import execute

    started = time.monotonic()
    with open_readers(settings) as readers:
        progress = _told(wanted, run.progress)
        converter = Converter(describe=readers.describe, parse=readers.parse, now=_utc_now, options=options)
        plan = converter.plan(_found(settings, wanted, progress), progress)
        _show(plan, run)
        if not run.dry_run:
            execute(plan, converter.act, progress, "writing")
    plan.seconds = time.monotonic() - started
    return plan


def validate(
    settings: Settings, wanted: Wanted, progress: Listener | None, *, families: Path | None = None
) -> Validation:
    """Return whether every checkpoint has a valid document that its file does not contradict, and fits one of the
    `families` of models that a document lists.

    Raises:
        QueryError: what was named is no checkpoint, or nothing was named and no directory is known; or `families` is
            no document that lists families.
    """
    from ckpt_indexer.tools.validate import Validator

    started = time.monotonic()
    with open_readers(settings) as readers:
        told = _told(wanted, progress)
        known = None if families is None else _families(families, readers.parse)
        validator = Validator(parse=readers.parse, describe=readers.describe, families=known)
        validation = validator.validate(_found(settings, wanted, told), told)
    validation.seconds = time.monotonic() - started
    return validation


def _families(path: Path, parse: Callable[[bytes], Any]) -> Families:  # it returns whatever the document holds
    from ckpt_indexer.metadata.naming import display
    from ckpt_indexer.tools.families import load_families

    try:
        return load_families(path, parse)
    except (MetadataError, OSError) as error:
        name = display(os.fsencode(path))
        why = error.message if isinstance(error, MetadataError) else error.strerror
        raise QueryError(f"{name} lists no families that checkpoints can be matched with: {why}", path=name) from error


def migrate_metadata(settings: Settings, wanted: Wanted, options: MigrateOptions, run: Run) -> Plan:
    """Rewrite documents of another version in place; return what became of each.

    Raises:
        QueryError: what was named is no checkpoint or document, or nothing was named and no directory is known.
    """
    from ckpt_indexer.tools.migrate_metadata import Migrator
    from ckpt_indexer.tools.plan import execute

    started = time.monotonic()
    with open_parser() as parse:
        progress = _told(wanted, run.progress)
        migrator = Migrator(parse=parse, options=options)
        plan = migrator.plan(_found(settings, wanted, progress), progress)
        _show(plan, run)
        if not run.dry_run:
            execute(plan, migrator.act, progress, "writing")
    plan.seconds = time.monotonic() - started
    return plan


@contextlib.contextmanager
def open_readers(settings: Settings) -> Iterator[Readers]:
    """Give what reads checkpoints through every source and documents of any kind; its children end with it."""
    from ckpt_indexer.app.chains import open_chains

    with open_parser() as parse, contextlib.closing(open_chains(settings, _Answers(settings.catalog.db))) as chains:
        yield Readers(_describer(chains.thorough), parse)


@contextlib.contextmanager
def open_parser() -> Iterator[Callable[[bytes], Any]]:  # it returns whatever the document holds
    """Give what parses documents of any kind; its child ends with it."""
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sidecar.child_jobs import parse_with

    with Pool(size=1) as pool:
        yield parse_with(pool)


class _Answers:
    """What the W&B server told the daemon or a scan, read from the catalog: these commands do not ask it."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def get(self, run_key: str) -> Cached | None:
        """Return the answer kept for a run; None when there is none."""
        from ckpt_indexer.app.answers import stored_answer

        return stored_answer(self._database, run_key)

    def put(self, run_key: str, answer: dict[str, Any], fetched_at: float, *, final: bool) -> None:  # JSON values
        """Keep nothing."""


def _describer(chain: Chain) -> Callable[[Candidate], Record]:
    """Return what describes one candidate, or raises."""
    from ckpt_indexer.ingest.describe import Outcome, describe
    from ckpt_indexer.metadata.naming import display

    def described(candidate: Candidate) -> Record:
        found = describe(0, candidate, chain)
        if found.record is not None:
            return found.record
        name = display(candidate.absolute)
        if found.outcome is Outcome.SHORT:
            raise ResourceShortage(f"no descriptors, memory or processes are left to read {name}; run it again later")
        raise SourceUnavailable(f"{name} changed while it was read; run the command again when it is at rest")

    return described


def _found(settings: Settings, wanted: Wanted, progress: Progress | None) -> Found:
    from ckpt_indexer.tools.selection import find, targets_of

    rules = rules_of(settings)
    return find(targets_of(wanted, known_roots(settings), rules), rules, progress)


def known_roots(settings: Settings) -> list[bytes]:
    """Return the real paths of the roots that the settings or the catalog name and that are there."""
    from ckpt_indexer.store.maintenance import roots_of

    named = [os.path.realpath(os.fsencode(root.path)) for root in settings.roots]
    with contextlib.suppress(StoreError):  # no catalog, or none that can be read: what was typed is enough
        named += roots_of(settings.catalog.db)
    return [root for root in dict.fromkeys(named) if os.path.isdir(root)]  # bytes, which pathlib refuses


def _show(plan: Plan, run: Run) -> None:
    plan.dry_run = run.dry_run
    if run.on_plan is not None:
        run.on_plan(plan)


def _told(wanted: Wanted, listener: Listener | None) -> Progress | None:
    """Return what tells a listener how far things are, with the places named as where."""
    if listener is None:
        return None
    from ckpt_indexer.ingest.summary import ScanProgress
    from ckpt_indexer.metadata.naming import display

    named = [*wanted.paths, *wanted.checkpoints, *wanted.exp_dirs, *wanted.outputs_dirs]
    where = display(named[0]) if len(named) == 1 else f"{len(named)} places" if named else "known roots"
    return lambda phase, done, total: listener(ScanProgress(phase, where, total, done, 0))


def _utc_now() -> datetime:
    return datetime.now(UTC)
