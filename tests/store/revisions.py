"""Rows as each released revision held them: the next revision adds one entry to `ROWS`, nothing else.

Each entry fills a database of that revision, as plain SQL of its time, and says what must still be found at the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rows:
    """What a database of one revision held, and the answers it must give after any later upgrade."""

    statements: tuple[str, ...]
    answers: tuple[tuple[str, list[tuple[Any, ...]]], ...]


_FIRST = Rows(
    statements=(
        """INSERT INTO meta (key, value) VALUES ('catalog_id', 'feed'), ('seq', '7'), ('next_id', '3'),
             ('derivation', '1'), ('created_at', '2026-01-01T00:00:00.000000Z')""",
        """INSERT INTO roots (id, name, path, path_bytes, state, mode)
           VALUES (1, 'outputs', '/data/outputs', CAST('/data/outputs' AS BLOB), 'present', 'manual')""",
        "INSERT INTO directories (id, root_id, path_bytes) VALUES (1, 1, CAST('exp' AS BLOB))",
        """INSERT INTO checkpoints (id, root_id, directory_id, root, path, path_bytes, name, kind, device, inode,
             size_bytes, mtime_ns, ctime_ns, mtime, has_sidecar, read_state, presence, pinned, rankable, derivation,
             first_seen_at, nested, seq, backbone, hmean, epoch)
           VALUES (1, 1, 1, 'outputs', 'exp/a.ckpt', CAST('exp/a.ckpt' AS BLOB), 'a.ckpt', 'file', 1, 2,
             100, 3, 4, '2026-01-01T00:00:00.000000Z', 1, 'ok', 'present', 1, 1, 1,
             '2026-01-01T00:00:00.000000Z', '{"metrics":{"val/iou":0.5},"tags":["mine"],"_tags":[],"_notes":null}', 7,
             'resnet18', 0.8, 0)""",
        "INSERT INTO metrics VALUES (1, 'val/iou', 0.5, 0)",
        """INSERT INTO annotations (root_id, path_bytes, tags, pinned, rewritten, updated_at)
           VALUES (1, CAST('exp/a.ckpt' AS BLOB), '["mine"]', 1, 0, '2026-01-01T00:00:00.000000Z')""",
    ),
    answers=(
        (
            "SELECT id, path, backbone, hmean, epoch, pinned, seq FROM catalog",
            [(1, "exp/a.ckpt", "resnet18", 0.8, 0, 1, 7)],
        ),
        ("SELECT checkpoint_id, name, value FROM metrics", [(1, "val/iou", 0.5)]),
        ("SELECT tags, pinned FROM annotations", [('["mine"]', 1)]),
        ("SELECT value FROM meta WHERE key = 'catalog_id'", [("feed",)]),
    ),
)

_HEADERS = Rows(
    statements=(
        *_FIRST.statements,
        """UPDATE checkpoints SET content_id = 'c1', weights_id = 'w1', header_read = 1, surroundings = X'00FF',
             nested = '{"metrics":{"val/iou":0.5},"tags":["mine"],"_tags":[],"_notes":null,"header":{"tensors":2}}'""",
        "INSERT INTO inputs VALUES (1, CAST('exp/config.yaml' AS BLOB), 10, 11, 0, 'config')",
        "INSERT INTO wandb_cache VALUES ('team/ocr/abc', '{}', 1767225600.0, 1)",
    ),
    answers=(
        *_FIRST.answers,
        ("SELECT content_id, weights_id, header FROM catalog", [("c1", "w1", '{"tensors":2}')]),
        ("SELECT header_read, surroundings FROM checkpoints", [(1, b"\x00\xff")]),
        ("SELECT path, source FROM inputs", [(b"exp/config.yaml", "config")]),
        ("SELECT run, final FROM wandb_cache", [("team/ocr/abc", 1)]),
    ),
)

ROWS: dict[str, Rows] = {"0001": _FIRST, "0002": _HEADERS}
