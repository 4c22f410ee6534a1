"""A server over a catalog, with a writer that commits in the same process: ours, or the one people write first.

python scripts/_api_server.py ours|textbook CATALOG ROWS     # prints its port, serves until SIGTERM
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from _rows import ROOT, described
from _trees import Saved

from ckpt_indexer.api.server import listen
from ckpt_indexer.app.serving import yielding_often
from ckpt_indexer.store.writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uvicorn.protocols.http.h11_impl import H11Protocol

PAUSE_S = 0.05
"""Between two transactions of a hundred rows: a busy afternoon, not a rebuild."""
BY_HAND = """SELECT c.* FROM checkpoints c JOIN (
  SELECT backbone AS b, max(hmean) AS top FROM checkpoints WHERE presence = 'present' GROUP BY backbone)
ON c.backbone = b AND c.hmean = top WHERE c.rankable = 1 ORDER BY c.hmean DESC"""
_INDEX = "checkpoints c INDEXED BY ix_checkpoints_backbone_hmean WHERE c.rankable = 1 AND c.hmean IS NOT NULL"
LOOSE = f"""WITH RECURSIVE g(v) AS (
  SELECT (SELECT c.backbone FROM {_INDEX} AND c.backbone IS NOT NULL ORDER BY c.backbone LIMIT 1)
  UNION ALL
  SELECT (SELECT c.backbone FROM {_INDEX} AND c.backbone > g.v ORDER BY c.backbone LIMIT 1) FROM g
  WHERE g.v IS NOT NULL)
SELECT c.* FROM g CROSS JOIN checkpoints c ON c.id = (
  SELECT c.id FROM {_INDEX} AND c.backbone = g.v ORDER BY c.hmean DESC LIMIT 1)
ORDER BY c.hmean DESC"""


class Writing(threading.Thread):
    """Describes random rows anew, as the indexer does, on a thread of the serving process."""

    def __init__(self, catalog: Path, count: int) -> None:
        super().__init__(daemon=True)
        self._catalog = catalog
        self._count = count
        self.stopped = threading.Event()
        self.commits = 0

    def run(self) -> None:
        """Write until stopped."""
        rng = random.Random(7)  # noqa: S311  # a benchmark repeats itself
        with open_writer(self._catalog) as writer:
            root = writer.add_root(ROOT, "outputs")
            while not self.stopped.wait(PAUSE_S):
                chosen = [Saved(*divmod(rng.randrange(self._count), 20)) for _ in range(100)]
                writer.apply([described(root.id, saved, score=rng.uniform(0.3, 0.99)) for saved in chosen])
                self.commits += 1


class Idle:
    """The daemon's part of the interface, which nobody asks here."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # never reached
        raise AttributeError(name)


def ours(catalog: Path) -> Any:  # noqa: ANN401  # an ASGI application
    """Return the application that `serve` runs."""
    from ckpt_indexer.api.application import Face
    from ckpt_indexer.api.options import Options
    from ckpt_indexer.app.faces import stamp_of
    from ckpt_indexer.client.local import LocalCatalog

    local = LocalCatalog(catalog)
    return Face(catalog=local, stamp=stamp_of(local), control=Idle(), options=Options(token="x" * 43, version="0"))


def textbook(catalog: Path, statement: str) -> Any:  # noqa: ANN401  # an ASGI application
    """Return what a tutorial builds: a plain `def`, a session per request, rows through a response model."""
    import json

    from fastapi import Depends, FastAPI
    from pydantic import create_model
    from sqlalchemy import create_engine, text
    from sqlalchemy.orm import Session

    from ckpt_indexer.store.tables import Checkpoint

    engine = create_engine(f"sqlite:///{catalog}", connect_args={"check_same_thread": False}, pool_size=20)
    fields = {name: (Any, None) for name in Checkpoint.model_fields if name not in ("path_bytes", "nested")}
    nested = dict.fromkeys(("metrics", "params", "components", "provenance", "problems", "tags"), (Any, None))
    answer = create_model("Answer", **fields, **nested)  # type: ignore[call-overload]  # fields made of a table
    app = FastAPI()

    def session() -> Iterator[Session]:
        with Session(engine) as one:
            yield one

    @app.get("/api/v1/best", response_model=list[answer])
    def best(one: Any = Depends(session)) -> Any:  # noqa: ANN401, B008, FAST002  # names of this function are not seen
        rows = one.query(Checkpoint).from_statement(text(statement)).all()
        return [row.model_dump(exclude={"path_bytes", "nested"}) | json.loads(row.nested) for row in rows]

    return app


def main() -> None:
    """Serve until SIGTERM; print how often was committed."""
    kind, catalog, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    listener = listen("127.0.0.1", 0)
    if kind == "ours":
        from ckpt_indexer.api.connection import Connection

        app = ours(catalog)
        protocol: type[H11Protocol] = Connection
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        app, protocol = textbook(catalog, LOOSE if kind == "loose" else BY_HAND), H11Protocol
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", loop="asyncio", access_log=False, log_config=None
    )
    writing = Writing(catalog, count)
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    with yielding_often():
        writing.start()
        print(listener.getsockname()[1], flush=True)
        server.run(sockets=[listener])
    writing.stopped.set()
    writing.join()
    print(writing.commits)


if __name__ == "__main__":
    main()
