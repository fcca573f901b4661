"""Layers at the REST API, and functions that are created with them."""

from typing import Any
from urllib.parse import quote

import pytest
from chalicelib import limits

from tests.apigateway import Answer, Gateway
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
FUNCTION = "/functions/hello?runtime=python3.11&handler=main.handler"


def publish(gateway: Gateway, key: Key, layer: str = "shared", query: str = "", text: str = "") -> Answer:
    body = zipped({"python/a.py": text})
    return gateway.send("POST", f"/layers/{layer}/versions{query}", body, key | {"Content-Type": "application/zip"})


def put(gateway: Gateway, key: Key, query: str) -> Answer:
    return gateway.send("PUT", FUNCTION + query, zipped(), key | {"Content-Type": "application/zip"})


def get(gateway: Gateway, key: Key, path: str) -> Any:
    return gateway.send("GET", path, headers=key).json


def test_a_layer_is_published_shown_listed_and_deleted(gateway: Gateway, key: Key) -> None:
    first = publish(gateway, key, query="?description=d&license=MIT&runtime=python3.11&runtime=python3.13")
    second = publish(gateway, key, text="# another")

    shown = get(gateway, key, "/layers/shared/versions/1")
    assert (first.status, first.json["version"], second.json["version"]) == (201, 1, 2)
    assert shown == {**first.json, "code_url": shown["code_url"]}
    assert "X-Amz-Signature" in shown["code_url"]
    assert (shown["description"], shown["license"]) == ("d", "MIT")
    assert shown["runtimes"] == ["python3.11", "python3.13"]
    assert shown["arn"].endswith(":layer:shared:1")
    assert get(gateway, key, "/layers/shared/versions")["versions"] == [second.json, first.json]
    assert get(gateway, key, "/layers/shared/versions?runtime=python3.13")["versions"] == [first.json]
    assert get(gateway, key, "/layers") == {"layers": [second.json], "next_after": None}

    gone = [gateway.send("DELETE", "/layers/shared/versions/2", headers=key).status for _ in range(2)]

    assert gone == [204, 404]
    assert get(gateway, key, "/layers")["layers"] == [first.json]


def test_layers_and_versions_are_listed_by_page(gateway: Gateway, key: Key) -> None:
    for layer, text in (("b", ""), ("a", ""), ("a", "# 2")):
        publish(gateway, key, layer, text=text)

    page = get(gateway, key, "/layers?limit=1")
    versions = get(gateway, key, "/layers/a/versions?limit=1")

    assert ([one["layer"] for one in page["layers"]], page["next_after"]) == (["a"], "a")
    assert [one["layer"] for one in get(gateway, key, "/layers?after=a")["layers"]] == ["b"]
    assert ([one["version"] for one in versions["versions"]], versions["next_after"]) == ([2], "2")
    assert [one["version"] for one in get(gateway, key, "/layers/a/versions?after=2")["versions"]] == [1]


BAD = {
    "a name with a dot": ("a.b", "", 400, "1 to 140 letters"),
    "a name too long": ("a" * 141, "", 400, "1 to 140 letters"),
    "a description too long": ("a", f"?description={'d' * 257}", 400, "description must be a text of at most 256"),
    "a license too long": ("a", f"?license={'l' * 513}", 400, "license must be a text of at most 512"),
    "an unknown runtime": ("a", "?runtime=cobol", 400, "runtime[0] must be"),
    "too many runtimes": ("a", "?" + "&".join(["runtime=python3.11"] * 16), 400, "a list of at most 15 runtimes"),
    "a misspelt parameter": ("a", "?licence=MIT", 400, "Unknown parameter 'licence'"),
}


def test_a_layer_out_of_rule_is_refused_and_leaves_nothing(
    gateway: Gateway, key: Key, subtests: pytest.Subtests
) -> None:
    for case, (layer, query, status, word) in BAD.items():
        with subtests.test(case):
            answer = publish(gateway, key, layer, query)

            assert (answer.status, word in answer.json["error"]) == (status, True), answer.body
    assert get(gateway, key, "/layers")["layers"] == []


def test_a_layer_at_the_limits_is_published(gateway: Gateway, key: Key) -> None:
    query = f"?description={'d' * 256}&license={'l' * 512}&" + "&".join(["runtime=python3.11"] * 15)

    assert publish(gateway, key, "a" * 140, query).status == 201


def test_what_is_no_layer_is_not_found(gateway: Gateway, key: Key) -> None:
    publish(gateway, key)

    for path in ("/layers/shared/versions/2", "/layers/shared/versions/01", "/layers/other/versions/1"):
        assert gateway.send("GET", path, headers=key).status == 404
    assert gateway.send("GET", "/layers?runtime=cobol", headers=key).status == 400
    assert gateway.send("GET", "/layers?after=a.b", headers=key).status == 400


def test_a_function_is_created_with_environment_layers_and_description(gateway: Gateway, key: Key) -> None:
    arns = [publish(gateway, key, name).json["arn"] for name in ("a", "b")]
    layers = "".join(f"&layer={quote(arn)}" for arn in arns)

    answer = put(gateway, key, f"{layers}&env=GREETING=hello%20you&env=QUERY=a%3Db&description=Says%20hello")

    assert answer.status == 201
    assert answer.json["environment"] == {"GREETING": "hello you", "QUERY": "a=b"}
    assert answer.json["layers"] == arns
    assert answer.json["description"] == "Says hello"


def test_an_upload_replaces_the_environment_it_names_and_keeps_what_it_does_not_name(
    gateway: Gateway, key: Key
) -> None:
    put(gateway, key, "&env=AA=1&env=BB=2&description=d")

    named, unnamed = put(gateway, key, "&env=CC=3").json, put(gateway, key, "").json

    assert (named["environment"], named["description"]) == ({"CC": "3"}, "d")
    assert unnamed["environment"] == {"CC": "3"}


UPLOADS = {
    "a variable without a value": ("&env=NAME", 'env[0] must be NAME=value, not "NAME"'),
    "a variable twice": ("&env=AA=1&env=AA=2", "env names AA twice"),
    "a reserved variable": ("&env=AWS_REGION=x", "AWS_REGION is reserved"),
    "a description too long": (f"&description={'d' * 257}", "description must be a text of at most 256 characters"),
    "a layer that is none": ("&layer=shared", "no layer version's ARN"),
    "an environment too large": (f"&env=AA={'x' * (limits.MAX_ENVIRONMENT_BYTES - 1)}", "4096 are allowed"),
    "too many layers": ("&layer=x" * 6, "layer must be a list of layer versions' ARNs"),
}


def test_an_upload_out_of_rule_is_refused_and_leaves_nothing(
    gateway: Gateway, key: Key, subtests: pytest.Subtests
) -> None:
    for case, (query, word) in UPLOADS.items():
        with subtests.test(case):
            answer = put(gateway, key, query)

            assert (answer.status, word in answer.json["error"]) == (400, True), answer.body
    assert get(gateway, key, "/functions")["functions"] == []


def test_an_upload_at_the_limits_is_taken(gateway: Gateway, key: Key) -> None:
    arns = [publish(gateway, key, f"l{n}").json["arn"] for n in range(5)]
    layers = "".join(f"&layer={quote(arn)}" for arn in arns)

    answer = put(gateway, key, f"{layers}&description={'d' * 256}&env=AA={'x' * (limits.MAX_ENVIRONMENT_BYTES - 2)}")

    assert (answer.status, answer.json["layers"]) == (201, arns)
