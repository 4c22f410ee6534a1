"""Write the generated parts of docs/ anew: commands, query fields, schema, settings.

    python scripts/make_docs.py          # write them
    python scripts/make_docs.py --check  # exit 1 and name the files that differ

tests/test_docs.py runs the check, so the pages cannot fall behind the code.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _docs_api import api_page
from _docs_cli import cli_page
from _docs_fields import query_page
from _docs_schema import schema_page
from _docs_settings import settings_page

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    "api.md": api_page,
    "cli.md": cli_page,
    "query-language.md": query_page,
    "schema.md": schema_page,
    "settings.md": settings_page,
}


def outdated(docs: Path = DOCS) -> dict[Path, str]:
    """Return the pages whose file differs from what the code says, with the text they should hold."""
    wanted = {docs / name: make() for name, make in PAGES.items()}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is old")
    options = parser.parse_args()
    changed = outdated()
    for path, text in changed.items():
        if options.check:
            print(f"{path.relative_to(DOCS.parent)} is out of date: run `make docs`", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
