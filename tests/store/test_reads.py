from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.store import reads, statements

if TYPE_CHECKING:
    from tests.store.fakes import Catalog

HOT = {
    "known_at": reads.KNOWN_AT,
    "known_in": reads.KNOWN_IN,
    "known_between": reads.KNOWN_BETWEEN,
    "known_pending": reads.KNOWN_PENDING,
    "from_input": reads.FROM_INPUT,
    "long_missing": reads.LONG_MISSING,
    "directories_below": reads.DIRECTORIES_BELOW,
    "present_ids": reads.PRESENT_IDS,
    "stale_places": reads.STALE_PLACES,
    "surroundings_below": reads.SURROUNDINGS_BELOW,
    "surroundings_of": reads.SURROUNDINGS_OF,
    "states_below": reads.STATES_BELOW,
    "rows_at": reads.rows_at(3),
    "rows_by_id": reads.rows_where("id", 3),
    "aliases": reads.rows_where("alias_of", 1),
    "duplicates": reads.rows_where("duplicate_of", 1),
    "inodes": reads.known_where("inode", 3),
    "first_with_content": reads.FIRST_WITH_CONTENT,
    "with_content": reads.WITH_CONTENT_AFTER,
    "unread": reads.UNREAD,
    "inputs": reads.inputs_of(3),
    "problems": reads.problems_of(3),
    "annotations": reads.annotations_at(3),
    "directories": reads.directories_at(3),
    "place": reads.PLACE_PROBLEMS,
    "update": statements.update_checkpoint(("path", "seq")),
    "digest": statements.SET_DIGEST,
    "move_problems": statements.MOVE_PROBLEMS,
    "delete": statements.DELETE_CHECKPOINT,
}


@pytest.mark.parametrize("name", HOT)
def test_no_question_of_the_writer_walks_a_whole_table(catalog: Catalog, name: str) -> None:
    sql = HOT[name]
    plan = [str(row[3]) for row in catalog.ask(f"EXPLAIN QUERY PLAN {sql}", *[1] * sql.count("?"))]
    assert not [step for step in plan if step.startswith("SCAN") and "ix_checkpoints_pending" not in step], plan
    assert not [step for step in plan if "(root_id=?)" in step], plan
