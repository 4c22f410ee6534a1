"""The demo's look at page and API: an address, a browser only where one can be seen, and no lie that passes."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import demo_page
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEST = [{"backbone": "resnet18", "hmean": 0.85694, "path": "a.ckpt"}]
API = "/api/v1/best?by=backbone&metric=hmean"


@dataclass
class Site:
    """What a daemon would answer: texts by address, everything else is 404."""

    url: str = ""
    answers: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"{self.url}/ui/?token=secret"

    def next(self, address: str) -> str | None:
        self.asked.append(address)
        texts = self.answers.get(address)
        return None if texts is None else texts.pop(0) if len(texts) > 1 else texts[0]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(answers={f"/ui/{view}": ["a view"] for view in demo_page.VIEWS})
    made.answers |= {"/ui/?token=secret": ["a view"], "/ui/best": ["0.8569"], API: [json.dumps({"items": BEST})]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = made.next(self.path)
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "nothing here").encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_every_view_is_opened_after_the_address_with_the_token(site: Site) -> None:
    demo_page.compare(site.page, lambda: BEST)
    views = [f"/ui/{view}" for view in demo_page.VIEWS]
    assert site.asked == ["/ui/?token=secret", *views, API]


def test_a_view_that_does_not_answer_is_a_disagreement_that_hides_the_token(site: Site) -> None:
    del site.answers["/ui/disk"]
    with pytest.raises(demo_page.Disagreement, match="/ui/disk answers 404: nothing here"):
        demo_page.compare(site.page, lambda: BEST)
    site.answers.clear()
    with pytest.raises(demo_page.Disagreement) as caught:
        demo_page.compare(site.page, lambda: BEST)
    assert "secret" not in str(caught.value)


def test_a_page_that_shows_another_winner_is_a_disagreement(site: Site) -> None:
    site.answers["/ui/best"] = ["0.8568"]
    with pytest.raises(demo_page.Disagreement, match=r"0\.8569, the best hmean of resnet18"):
        demo_page.compare(site.page, lambda: BEST)


def test_an_api_that_says_something_else_is_a_disagreement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_page, "ANSWER_S", 0.2)
    site.answers[API] = [json.dumps({"items": []})]
    with pytest.raises(demo_page.Disagreement, match="the API says"):
        demo_page.compare(site.page, lambda: BEST)


def test_a_change_between_the_two_answers_is_asked_again(site: Site) -> None:
    site.answers[API] = [json.dumps({"items": []}), json.dumps({"items": BEST})]
    demo_page.compare(site.page, lambda: BEST)
    assert site.asked.count(API) == 2


def test_nobody_listening_is_a_disagreement() -> None:
    with pytest.raises(demo_page.Disagreement, match="does not answer"):
        demo_page.compare("http://127.0.0.1:1/ui/?token=secret", lambda: BEST)


def test_the_page_is_where_the_daemon_says_with_its_token(tmp_path: Path) -> None:
    (tmp_path / "c.db.token").write_text("abc\n")
    url = demo_page.url_of("serving '/data/my runs' db=/x/c.db url=http://127.0.0.1:1234")
    assert demo_page.page_address(url, tmp_path / "c.db") == "http://127.0.0.1:1234/ui/?token=abc"


@pytest.mark.parametrize(
    ("environ", "platform", "shown"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_browser_is_opened_only_where_it_can_be_seen(environ: dict[str, str], platform: str, *, shown: bool) -> None:
    assert demo_page.has_display(environ, platform) is shown
