"""The REST API's description of itself: every route of the app is in it, and it is OpenAPI."""

import json
import re
import subprocess
import sys
import typing
from typing import Any

import pytest
from app import app
from chalicelib.calls import Call
from chalicelib.function_urls import offered as function_urls_api
from chalicelib.lambda_api import offered as lambda_api
from chalicelib.rest_api import described, offered, openapi
from chalicelib.wiring import Controller
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import ROOT


def rest_routes() -> set[str]:
    """Every route of the app that is neither the Lambda API's nor a function URL's, as `METHOD /path`."""
    others = lambda_api.routes().keys() | {(path, method) for method, path in function_urls_api.OFFERED}
    served = {(path, method) for path, methods in app.routes.items() for method in methods}
    return {f"{method} {path}" for path, method in served - others}


def tables() -> set[str]:
    """Every route in any of the tables of `offered`."""
    rows = [row for table in vars(offered).values() if isinstance(table, list) for row in table]
    return {f"{row[0]} {row[1]}" for row in rows}


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(offered.description())


def test_every_route_is_described_and_no_other() -> None:
    routes = rest_routes() | tables()
    missing, stale = sorted(routes - described.ROUTES.keys()), sorted(described.ROUTES.keys() - routes)

    assert not missing, (
        f"GET /openapi.json says nothing of {', '.join(missing)}. Add a line for each to ROUTES in"
        f" {described.__file__}: its query, headers and body, its answers by status, and in `errors` the statuses of"
        " its own errors (those of every route are added by the table of `offered` that it stands in); the shape of a"
        " new answer goes into SHAPES in shapes.py beside it, and a name in the path that is new into NAMED. A new"
        " table of `offered` goes into `offered.description`, too."
    )
    assert not stale, f"ROUTES in {described.__file__} has lines for what the app does not serve: {', '.join(stale)}"


def test_a_route_added_later_fails_with_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    new = offered.Route("GET", "/new/{thing}", offered.describe, ())
    monkeypatch.setattr(offered, "PUBLIC", [*offered.PUBLIC, new])

    with pytest.raises(AssertionError, match=re.escape("says nothing of GET /new/{thing}. Add a line for each")):
        test_every_route_is_described_and_no_other()


def test_the_document_holds_every_route_of_every_table(document: Any) -> None:
    said = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}

    assert said == rest_routes() | tables()


def test_the_document_is_openapi_and_every_reference_leads_somewhere(document: Any) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    for name in set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document))):
        assert name in document["components"]["schemas"]


def test_every_shape_is_used(document: Any) -> None:
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))

    assert document["components"]["schemas"].keys() == used


def test_what_a_route_says_first_is_its_views_docstring(document: Any) -> None:
    assert document["paths"]["/health"]["get"]["summary"].startswith("Show each dependency's state")


def test_who_may_call_follows_from_the_table(document: Any) -> None:
    paths = document["paths"]

    assert paths["/health"]["get"]["security"] == []
    assert paths["/functions"]["get"]["security"] == [{"ApiKey": []}, {"SignatureV4": []}]
    assert paths["/tenants"]["get"]["security"] == [{"AdminKey": []}]
    assert "429" not in paths["/health"]["get"]["responses"]


def test_a_refusal_says_which_headers_it_bears(document: Any) -> None:
    refusal = document["paths"]["/functions"]["get"]["responses"]["429"]

    assert refusal["headers"].keys() == {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    assert all(one["required"] for one in refusal["headers"].values())


def test_a_route_of_which_nothing_is_said_cannot_be_put_into_the_document() -> None:
    with pytest.raises(KeyError, match="GET /nowhere"):
        openapi.document([openapi.Route("GET", "/nowhere", offered.describe, "public")])


def test_the_app_starts_without_what_only_the_description_needs() -> None:
    program = "import sys, app; print([m for m in sys.modules if m.startswith('chalicelib.rest_api.')])"

    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "api",
        env={"PYTHONPATH": f"{ROOT}:."},
        capture_output=True,
        check=True,
    ).stdout.decode()

    assert "rest_api.offered" in loaded
    assert not any(f"rest_api.{name}'" in loaded for name in ("openapi", "described", "description", "schemas"))


def test_every_view_is_given_what_it_declares() -> None:
    groups = typing.get_type_hints(Controller)
    tables = (offered.OFFERED, offered.RUNNING, offered.PUBLIC, offered.ADMIN)
    for route in [route for table in tables for route in table]:
        hints = list(typing.get_type_hints(route.view).values())
        assert hints[: len(route.needs)] == [groups[name] for name in route.needs], route
        assert hints[len(route.needs)] is Call, route


def test_the_guide_lists_every_route() -> None:
    guide = (ROOT / "docs" / "rest-api.md").read_text()

    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", guide, re.MULTILINE)) == tables()
