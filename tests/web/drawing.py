"""What the first answer of a page draws, taken out of the JSON its script is given."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

ESCAPES = (("&lt;", "<"), ("&gt;", ">"), ("&#96;", "`"), ("&#36;", "$"), ("&amp;", "&"))


class Drawing:
    """The elements of a page."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.source = answer.text
        found = re.search(r"parseElements\(String\.raw`(.*?)`\)", answer.text, re.DOTALL)
        assert found is not None, answer.text[:500]
        self.payload = raw = found[1]
        for escaped, plain in ESCAPES:
            raw = raw.replace(escaped, plain)
        self._elements: dict[str, dict[str, Any]] = json.loads(raw)

    @property
    def html(self) -> str:
        """The markup of the page, without header and drawer."""
        return "".join(
            one["props"]["innerHTML"]
            for key, one in self._elements.items()
            if "innerHTML" in one.get("props", {}) and self._is_content(one) and self._is_seen(key)
        )

    @property
    def text(self) -> str:
        """What a person reads, one line for each piece of text."""
        titles = [one["text"] for key, one in self._elements.items() if "text" in one and self._is_seen(key)]
        return "\n".join([*titles, text_of(self.html)])

    @property
    def header(self) -> str:
        bar = next(one for one in self._elements.values() if "ckpt-bar" in one.get("class", ()))
        return str(bar["props"]["innerHTML"])

    @property
    def charts(self) -> list[dict[str, Any]]:
        """The options of every chart that is seen."""
        return [self._options(key) for key, one in self._elements.items() if one["tag"] == "nicegui-echart"]

    @property
    def grid(self) -> dict[str, Any]:
        """The options of the table of checkpoints."""
        return next(self._options(key) for key, one in self._elements.items() if one["tag"] == "nicegui-aggrid")

    def listener(self, kind: str) -> tuple[int, str]:
        """Return the numbers of the one element that listens to a kind of event, and of its listener."""
        ((element, listener),) = [
            (int(key), str(event["listener_id"]))
            for key, one in self._elements.items()
            for event in one.get("events", ())
            if event["type"] == kind
        ]
        return element, listener

    @property
    def title(self) -> str:
        found = re.search("<title>(.*?)</title>", self.source)
        return found[1] if found else ""

    @staticmethod
    def _is_content(one: dict[str, Any]) -> bool:
        return "ckpt-bar" not in one.get("class", ()) and 'id="ckpt-keys"' not in one["props"]["innerHTML"]

    def _options(self, key: str) -> dict[str, Any]:
        options: dict[str, Any] = self._elements[key]["props"]["options"]
        return options

    def _is_seen(self, key: str) -> bool:
        if "hidden" in self._elements[key].get("class", ()):
            return False
        above = [name for name, one in self._elements.items() if int(key) in map(int, one.get("children", ()))]
        return all(self._is_seen(name) for name in above)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


def text_of(html: str) -> str:
    """Return the pieces of text in markup, one per line."""
    parser = _Text()
    parser.feed(html)
    return "\n".join(parser.found)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return every element of markup with its attributes, as a browser reads them."""
    parser = _Tags()
    parser.feed(html)
    return parser.found


def rows_of(html: str) -> list[list[str]]:
    """Return the cells of every table row as text."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    return [
        [" ".join(text_of(cell).split("\n")) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows
    ]
