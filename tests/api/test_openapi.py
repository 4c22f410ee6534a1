from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from ckpt_indexer.catalog.views import ROW_KEYS
from tests.api.interface import TOKEN, interface

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.interface import Interface


def test_the_description_names_every_key_of_a_row(http: Interface) -> None:
    described = http.get("/api/v1/openapi.json").json()
    assert list(described["components"]["schemas"]["Row"]["properties"]) == list(ROW_KEYS)
    assert described["openapi"].startswith("3.")
    assert described == http.get("/openapi.json").json()


def test_every_change_says_that_it_needs_the_token(http: Interface) -> None:
    described = http.get("/api/v1/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert ("security" in operation) == (method == "post"), path
            assert "422" not in operation["responses"]
            assert operation["description"]


def fuzz(database: Path, examples: int) -> list[str]:
    """Call every address with what the description allows and what it forbids; return what must not happen."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    faults: list[str] = []
    with interface(database) as running:
        schema = schemathesis.openapi.from_url(running.url + "/openapi.json")
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith("/events"):
                continue
            faults += _called(operation, examples)
    return faults


def _called(operation: object, examples: int) -> list[str]:
    from hypothesis import given

    faults: list[str] = []

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())  # type: ignore[attr-defined]  # schemathesis has no types
    def call(case: object) -> None:
        answer = case.call(headers={"authorization": f"Bearer {TOKEN}"})  # type: ignore[attr-defined]  # likewise
        if answer.status_code >= 500 and answer.status_code != 501:
            faults.append(f"{answer.status_code} {answer.request.method} {answer.request.url} {answer.text[:200]}")

    call()
    return faults


@pytest.mark.prove
def test_no_request_brings_about_a_500(database: Path) -> None:
    assert fuzz(database, 100) == []


def test_a_few_requests_of_every_kind_bring_about_no_500(database: Path) -> None:
    assert fuzz(database, 5) == []
