"""`ckpt-indexer validate`: is there a valid document for every checkpoint?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.cli import exits, logs, output, stdout, text
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options
from ckpt_indexer.cli.places import places
from ckpt_indexer.cli.plans import tell_of_places
from ckpt_indexer.cli.progress import showing
from ckpt_indexer.metadata.naming import display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.tools.selection import Wanted
    from ckpt_indexer.tools.validate import Checked, Validation


@click.command(
    "validate",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer validate outputs/",
        "ckpt-indexer validate outputs/dbnet-1/checkpoints/best.ckpt -v",
        "ckpt-indexer validate outputs/ --allow-missing && echo fine",
        "ckpt-indexer validate outputs/ --families configs/compatibility.yaml",
        "ckpt-indexer validate --outputs-dir outputs/ --json > validation.json",
    ),
)
@places
@click.option("--allow-missing", is_flag=True, help="Exit 0 although checkpoints have no document.")
@click.option(
    "--families",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Check also that every checkpoint fits one of the model families which this compatibility.yaml lists.",
)
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, *, wanted: Wanted, allow_missing: bool, families: Path | None, form: Output) -> int:
    """Check that every checkpoint has a valid metadata document which its file does not contradict.

    Exit 0 when all have, else 1. Missing precision, recall or hmean and unknown keys are warnings. Documents whose
    checkpoint is gone are listed and do not count. One broken document never hides the others. Without PATH all known
    roots are looked at.

    The JSON object has the keys ok, checkpoints (how many), valid, invalid, missing, contradicted, from_future, alias,
    warnings, error_types {type: count}, complete, seconds,
    results [{checkpoint, verdict, document, version, errors [{type, field, message}], warnings [...]}], orphans (like
    results) and problems. With --families also matched, mismatched, and in each of the results family (its id, or null)
    and family_issues [sentence]; one issue is enough for exit 1.
    """
    logs.configure(session)
    with showing(session) as progress:
        validation = session.app.validate(session.settings, wanted, progress, families=families)
    ok = validation.ok(allow_missing=allow_missing)
    if form.format == "json":
        output.json_object(to_json(validation, ok=ok))
    else:
        stdout.lines(described(validation, verbose=session.verbosity > 0))
    for problem in () if validation.families is None else validation.families.problems:
        session.say(f"{text.shown(str(families))}: {text.shown(problem.message)}")
    tell_of_places(session, [_place(*one) for one in validation.problems], complete=validation.complete)
    warnings = _counts(validation)["warnings"]
    if warnings and not session.verbosity and form.format != "json":
        session.say(f"{text.count(warnings, 'warning')}: see them with -v")
    return exits.OK if ok else exits.NEGATIVE


def described(validation: Validation, *, verbose: bool) -> Iterator[str]:
    """Yield what is wrong with which document, then the counts."""
    from ckpt_indexer.tools.validate import Verdict

    fine = {Verdict.VALID, Verdict.ALIAS}
    for one in validation.checked:
        if verbose or one.verdict not in fine or (one.match is not None and not one.match.valid):
            yield from _lines(one, str(one.verdict), verbose=verbose)
    for one in validation.orphans:
        yield from _lines(one, "orphan", verbose=verbose)
    counts = _counts(validation)
    yield from text.columns([(word, f"{number:,}") for word, number in counts.items()])
    types = validation.error_types()
    if types:
        yield "errors: " + ", ".join(f"{number:,} {text.shown(word)}" for word, number in types.items())


def _lines(one: Checked, word: str, *, verbose: bool) -> Iterator[str]:
    yield f"{word}  {text.shown(display(one.path))}"
    name = "" if one.document is None else text.shown(display(one.document.rpartition(b"/")[2])) + ": "
    yield from (f"    {name}{text.shown(fault.message)} [{text.shown(fault.type)}]" for fault in one.errors)
    if one.match is not None:
        yield from (f"    family: {text.shown(issue)}" for issue in one.match.issues)
        if verbose and one.match.valid:
            yield f"    family {text.shown(str(one.match.family_id))}"
    if verbose:
        yield from (f"    warning: {text.shown(fault.message)} [{fault.type}]" for fault in one.warnings)


def _counts(validation: Validation) -> dict[str, int]:
    from ckpt_indexer.tools.validate import Verdict

    return {
        "checkpoints": len(validation.checked),
        **{str(verdict): validation.count(verdict) for verdict in Verdict},
        "warnings": sum(len(one.warnings) for one in validation.checked),
        **({} if validation.families is None else _family_counts(validation)),
    }


def _family_counts(validation: Validation) -> dict[str, int]:
    return {"matched": validation.matched(), "mismatched": validation.mismatched()}


def _place(path: bytes, problem: tuple[str, str]) -> dict[str, str]:
    return {"path": display(path), "kind": problem[0], "message": problem[1]}


def to_json(validation: Validation, *, ok: bool) -> dict[str, Any]:  # JSON values
    """Return the object that `--json` prints."""
    return {
        "ok": ok,
        **_counts(validation),
        "error_types": validation.error_types(),
        "complete": validation.complete,
        "seconds": round(validation.seconds, 3),
        "results": [one.to_dict() for one in validation.checked],
        "orphans": [one.to_dict() for one in validation.orphans],
        "problems": [_place(*one) for one in validation.problems],
    }
