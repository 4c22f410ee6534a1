"""Write documents for checkpoints that have none: `ckpt-indexer convert`, by the name of the script it replaces.

python scripts/convert_legacy_checkpoints.py --outputs-dir outputs/ --dry-run
"""

from __future__ import annotations

import sys

from ckpt_indexer.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))
