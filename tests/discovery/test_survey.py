"""Counting directories and choosing what to watch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.survey import Subtree, choose_subtrees, count_directories

if TYPE_CHECKING:
    from tests.discovery.conftest import Tree


def test_hidden_directories_count_and_links_do_not(tree: Tree) -> None:
    for name in ("a/b", ".git/x", "wandb"):
        tree.directory(name)
    os.symlink(b"..", tree.at("a/up"))
    assert count_directories(tree.root, 100) == 6


def test_counting_stops_above_the_limit(tree: Tree) -> None:
    for number in range(20):
        tree.directory(f"{number}/x")
    assert 3 < count_directories(tree.root, 3) <= 21


def test_an_unreadable_or_absent_tree_counts_itself(tree: Tree) -> None:
    assert count_directories(tree.root + b"/absent", 10) == 1


def test_the_most_recently_changed_subtrees_are_chosen_after_the_roots_own_level(tree: Tree) -> None:
    for number in range(6):
        tree.directory(f"run{number}/checkpoints")
        os.utime(tree.at(f"run{number}/checkpoints"), (1000 + number, 1000 + number))
        os.utime(tree.at(f"run{number}"), (500, 500))
    total, chosen = choose_subtrees(tree.root, max_directories=6, max_watches=3)
    assert total == 13
    assert chosen == [
        Subtree(tree.root, is_recursive=False, directories=1),
        Subtree(tree.at("run5"), is_recursive=True, directories=2),
        Subtree(tree.at("run4"), is_recursive=True, directories=2),
    ]


def test_a_large_part_is_watched_level_by_level(tree: Tree) -> None:
    for number in range(10):
        tree.directory(f"big/run{number}")
    _, chosen = choose_subtrees(tree.root, max_directories=8, max_watches=8)
    assert Subtree(tree.at("big"), is_recursive=False, directories=1) in chosen
    assert len(chosen) == 8
    assert sum(subtree.directories for subtree in chosen) <= 8
