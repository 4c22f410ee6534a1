"""`python -m ckpt_indexer` is the `ckpt-indexer` command."""

from ckpt_indexer.cli.main import run

if __name__ == "__main__":
    run()
