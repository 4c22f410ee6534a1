"""The field table inside docs/query-language.md; the rest of that page is written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from ckpt_indexer.catalog.fields import FIELDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "query-language.md"
KINDS = {
    "text": "text", "int": "whole number", "count": "count", "size": "bytes", "real": "number", "time": "time",
    "bool": "yes or no", "list": "any of several",
}  # fmt: skip


def query_page() -> str:
    """Return the page with the table as the code has it."""
    lines = ["| field | also | kind | meaning |", "| --- | --- | --- | --- |"]
    for field in FIELDS.values():
        also = ", ".join(f"`{alias}`" for alias in field.aliases)
        lines.append(f"| `{field.name}` | {also} | {KINDS[field.kind]} | {field.help} |")
    lines.append("| `param.NAME` | `params.NAME` | number or text | a hyper-parameter |")
    lines.append("| any name with `/`, or a known metric | `metric.NAME` | number | a logged metric |")
    table = "\n".join(lines)
    return re.sub(
        r"(<!-- begin fields[^\n]*\n).*?(<!-- end fields -->)",
        lambda found: f"{found[1]}\n{table}\n\n{found[2]}",
        PAGE.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
