from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.api.metrics import Traffic

if TYPE_CHECKING:
    from tests.api.interface import Interface


def scope(path: str, route: str | None = None, **more: Any) -> dict[str, Any]:
    return {"method": "GET", "path": path, **({} if route is None else {"route": SimpleNamespace(path=route)}), **more}


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        (scope("/api/v1/best", "/best"), "/api/v1/best"),
        (scope("/api/v1/checkpoints/7", "/checkpoints/{id}"), "/api/v1/checkpoints/{id}"),
        (scope("/api/v1/best", "/api/v1/best"), "/api/v1/best"),
        (scope("/api/v1/best", kept_route="kept"), "kept"),
        (scope("/ui/best", "/best"), "/ui/best"),
        (scope("/ui/", "/"), "/ui/"),
        (scope("/healthz", "/healthz"), "/healthz"),
        (scope("/secret/path"), "other"),
    ],
)
def test_a_request_is_counted_under_its_pattern_from_the_beginning(request_: dict[str, Any], label: str) -> None:
    traffic = Traffic()
    traffic.note(request_, 200, 0.001)
    assert traffic.requests == {("GET", label, 200): 1}


def test_the_page_and_the_interface_are_told_apart(http: Interface) -> None:
    http.get("/api/v1/experiments")
    text = http.get("/metrics").text
    assert 'ckpt_indexer_http_requests_total{method="GET",route="/api/v1/experiments",status="200"}' in text


def test_streams_are_counted_and_their_duration_is_not() -> None:
    traffic = Traffic()
    traffic.note(scope("/api/v1/events", "/events"), 200, 3600.0)
    assert (traffic.requests, traffic.seconds, sum(traffic.buckets)) == ({("GET", "/api/v1/events", 200): 1}, 0.0, 0)
