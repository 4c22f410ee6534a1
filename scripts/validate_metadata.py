"""Check the documents beside checkpoints: `ckpt-indexer validate`, by the name of the script it replaces.

python scripts/validate_metadata.py --outputs-dir outputs/
"""

from __future__ import annotations

import sys

from ckpt_indexer.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["validate", *sys.argv[1:]]))
