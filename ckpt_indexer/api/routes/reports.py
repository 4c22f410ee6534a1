"""Summaries: experiments, curves, counts, sizes, problems, and what the words mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ckpt_indexer.api import models
from ckpt_indexer.api.described import answers
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.freshness import Answer, listed, now, plain
from ckpt_indexer.api.routes.parameters import Metric, Queries, desk_of, known_parameters, terms, words
from ckpt_indexer.catalog.fields import FIELDS, GROUPS, PROMOTED
from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS
from ckpt_indexer.errors import CheckpointNotFound

if TYPE_CHECKING:
    from ckpt_indexer.catalog.protocol import Catalog

router = APIRouter(tags=["reports"], dependencies=[Depends(known_parameters)])
Name = Annotated[str, Path(description="Name of an experiment; a slash in it stands as it is.", max_length=1000)]


@router.get("/experiments", responses=answers(models.Experiments))
async def experiments(request: Request, q: Queries = None) -> Response:
    """One summary per experiment, by name, the unknown one last."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        return listed(state, map(encoded, catalog.experiments(terms(q))))

    return await desk_of(request).answer(request.scope, ask)


@router.get("/experiments/{name:path}/curve", responses=answers(models.Curve))
async def curve(request: Request, name: Name, metric: Metric = "hmean") -> Response:
    """One metric over the checkpoints of an experiment, by epoch and step."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        return listed(state, map(encoded, catalog.curve(name, metric)), experiment=name, metric=metric)

    return await desk_of(request).answer(request.scope, ask)


@router.get("/experiments/{name:path}", responses=answers(models.OneExperiment))
async def experiment(request: Request, name: Name) -> Response:
    """The summary of one experiment."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        found = next((one for one in catalog.experiments() if one["name"] == name), None)
        if found is None:
            raise CheckpointNotFound(f"there is no experiment {name[:200]!r}", ref=name[:200])
        return plain(state, **found)

    return await desk_of(request).answer(request.scope, ask)


@router.get("/facets", responses=answers(models.Facets))
async def facets(
    request: Request,
    fields: Annotated[
        str | None, Query(max_length=1000, description="Fields, separated by commas; the groups if none.")
    ] = None,
) -> Response:
    """How many present checkpoints each value of each field has, the frequent ones first."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        counts = {
            field: [{"value": value, "n": n} for value, n in values.items()]
            for field, values in catalog.facets(words(fields)).items()
        }
        return plain(state, facets=counts)

    return await desk_of(request).answer(request.scope, ask)


@router.get("/stats", responses=answers(models.Stats))
async def stats(request: Request) -> Response:
    """Totals over the whole catalog."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        return plain(state, **{key: value for key, value in catalog.stats().items() if key not in ("catalog", "seq")})

    return await desk_of(request).answer(request.scope, ask)


@router.get("/disk", responses=answers(models.Disk))
async def disk(
    request: Request,
    by: Annotated[
        str, Query(max_length=500, description="Up to three fields, separated by commas; `month` is that of creation.")
    ] = "experiment",
) -> Response:
    """How many bytes the present checkpoints take, by the values of some fields, the largest first."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        return listed(state, map(encoded, catalog.disk(words(by))), by=words(by))

    return await desk_of(request).answer(request.scope, ask)


@router.get("/problems", responses=answers(models.Problems))
async def problems(request: Request, q: Queries = None) -> Response:
    """Every open problem; under a query only those of matching checkpoints."""

    def ask(catalog: Catalog) -> Answer:
        state = now(catalog)
        return listed(state, map(encoded, catalog.problems(terms(q))))

    return await desk_of(request).answer(request.scope, ask)


@router.get("/schema", responses=answers(models.Schema))
async def schema(request: Request) -> Response:
    """The keys of a row and what they hold; what a ranking adds; what can be grouped by."""

    def ask(catalog: Catalog) -> Answer:
        fields = [
            {"name": key, "kind": FIELDS[key].kind, "help": FIELDS[key].help, "aliases": FIELDS[key].aliases}
            for key in ROW_KEYS
        ]
        return plain(now(catalog), fields=fields, best=BEST_KEYS, groups=GROUPS, headline=PROMOTED)

    return await desk_of(request).answer(request.scope, ask)


@router.get("/version", responses=answers(models.Version))
async def version(request: Request) -> Response:
    """The version of the program, and the state of the catalog: `seq` grows with every change and never otherwise."""
    return await desk_of(request).answer(
        request.scope,
        lambda catalog: plain(now(catalog), version=desk_of(request).options.version, api="v1"),
        quick=True,
    )
