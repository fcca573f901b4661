"""Layers, as an unmodified boto3 client sees them: numbered versions that functions share."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chalicelib import limits
from chalicelib.naming import account
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.test_lambda_api import create
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def publish(boto: Any, name: str = "shared", text: str = "", **asked: Any) -> Any:
    """Publish a version of a layer with one module."""
    return boto.publish_layer_version(LayerName=name, Content={"ZipFile": zipped({"python/a.py": text})}, **asked)


def arns(boto: Any, names: list[str]) -> list[str]:
    return [publish(boto, name, f"# {name}")["LayerVersionArn"] for name in names]


def test_a_layer_is_published_in_numbered_versions(boto: Any) -> None:
    first = publish(boto, Description="d", LicenseInfo="MIT", CompatibleRuntimes=["python3.11"])
    second = publish(boto, text="# another")

    found = boto.get_layer_version(LayerName="shared", VersionNumber=1)
    by_arn = boto.get_layer_version_by_arn(Arn=first["LayerVersionArn"])

    assert (first["Version"], second["Version"]) == (1, 2)
    assert first["LayerVersionArn"] == f"{first['LayerArn']}:1"
    for one in (found, by_arn):
        assert (one["Version"], one["Description"], one["LicenseInfo"]) == (1, "d", "MIT")
        assert one["Content"]["CodeSha256"] == first["Content"]["CodeSha256"]
        assert "X-Amz-Signature" in one["Content"]["Location"]
    versions = boto.list_layer_versions(LayerName=first["LayerArn"])["LayerVersions"]
    assert [one["Version"] for one in versions] == [2, 1]


def test_layers_are_listed_in_pages_with_their_latest_version(boto: Any) -> None:
    arns(boto, ["b", "a", "c"])
    publish(boto, "a", CompatibleRuntimes=["nodejs20.x"])

    pages = boto.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 2})
    shown = [[(one["LayerName"], one["LatestMatchingVersion"]["Version"]) for one in page["Layers"]] for page in pages]
    publish(boto, "d", CompatibleRuntimes=["nodejs20.x"])
    of_node = boto.list_layers(CompatibleRuntime="nodejs20.x", MaxItems=2)

    assert shown == [[("a", 2), ("b", 1)], [("c", 1)]]
    assert [one["LayerName"] for one in of_node["Layers"]] == ["a", "d"]
    assert "NextMarker" not in of_node


def test_a_deleted_versions_number_is_never_given_again(boto: Any) -> None:
    for _ in range(2):
        publish(boto)
    boto.delete_layer_version(LayerName="shared", VersionNumber=2)
    boto.delete_layer_version(LayerName="shared", VersionNumber=2)
    latest = boto.list_layers()["Layers"][0]["LatestMatchingVersion"]["Version"]
    boto.delete_layer_version(LayerName="shared", VersionNumber=1)

    assert (latest, boto.list_layers()["Layers"]) == (1, [])
    assert publish(boto)["Version"] == 3


def test_a_function_keeps_a_layer_version_that_was_deleted(boto: Any) -> None:
    arn = publish(boto)["LayerVersionArn"]
    create(boto, Layers=[arn])
    boto.delete_layer_version(LayerName="shared", VersionNumber=1)

    after = boto.update_function_code(FunctionName="hello", ZipFile=zipped({"main.py": "# two"}), Publish=True)

    assert [one["Arn"] for one in after["Layers"]] == [arn]
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="does not exist"):
        create(boto, "other", Layers=[arn])


def test_five_layers_are_kept_in_their_order_and_a_sixth_is_refused(boto: Any) -> None:
    six = arns(boto, ["f", "e", "d", "c", "b", "a"])

    created = create(boto, Layers=six[:5])
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="5 are allowed"):
        boto.update_function_configuration(FunctionName="hello", Layers=six)
    none = boto.update_function_configuration(FunctionName="hello", Layers=[])

    assert [one["Arn"] for one in created["Layers"]] == six[:5]
    assert all(one["CodeSize"] > 0 for one in created["Layers"])
    assert "Layers" not in none


def test_layers_are_set_and_shown_at_door_2(boto: Any, gateway: Gateway, key: dict[str, str]) -> None:
    [arn] = arns(boto, ["a"])
    create(boto)

    def patch(layers: Any) -> Answer:
        return gateway.send("PATCH", "/functions/hello", json.dumps({"layers": layers}).encode(), key)

    named = patch([arn])
    kept = gateway.send("PATCH", "/functions/hello", b'{"memory_mb": 256}', key)
    refused = [patch(layers).status for layers in ([f"{arn}0"], ["no ARN"], [1], "a", [arn, arn])]
    none = patch([])

    assert [one.json["layers"] for one in (named, kept, none)] == [[arn], [arn], []]
    assert refused == [400] * 5


def test_one_layer_is_not_named_twice(boto: Any) -> None:
    first, second = publish(boto)["LayerVersionArn"], publish(boto, text="# 2")["LayerVersionArn"]

    for named in ([first, second], [first, first]):
        with pytest.raises(boto.exceptions.InvalidParameterValueException, match="same layer"):
            create(boto, Layers=named)


def test_code_and_layers_together_fit_at_the_limit_and_not_past_it(
    boto: Any, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [publish(boto, name, "#" * size)["LayerVersionArn"] for name, size in (("a", 5000), ("b", 9000))]
    create(boto, "measure", Layers=layers)
    version = hearth.functions.lifecycle.get("acme", "measure").version
    together = version.unpacked_bytes + sum(layer.unpacked_bytes for layer in version.layers)

    monkeypatch.setattr(limits, "MAX_UNPACKED_BYTES", together)
    create(boto, "fits", Layers=layers)
    create(boto, "grows", Layers=layers[:1])
    boto.update_function_configuration(FunctionName="grows", Layers=layers)

    monkeypatch.setattr(limits, "MAX_UNPACKED_BYTES", together - 1)
    calls: list[Callable[[], Any]] = [
        lambda: create(boto, "past", Layers=layers),
        lambda: boto.update_function_configuration(FunctionName="fits", Layers=layers),
        lambda: boto.update_function_code(FunctionName="fits", ZipFile=zipped()),
    ]
    for call in calls:
        with pytest.raises(boto.exceptions.InvalidParameterValueException, match="together take"):
            call()


def test_another_tenants_layer_is_as_one_that_does_not_exist(boto: Any, gateway: Gateway, hearth: Controller) -> None:
    arn = publish(boto)["LayerVersionArn"]
    keys = hearth.tenants.administration.create("stranger")
    anonymous = gateway.client(keys.access_key_id, keys.secret_access_key)
    absent = arn.replace(":shared:", ":absent:")
    own = arn.replace(account("acme"), account("stranger"))

    said = []
    for named in (arn, absent, own):
        with pytest.raises(anonymous.exceptions.InvalidParameterValueException) as refused:
            create(anonymous, Layers=[named])
        said.append(str(refused.value).replace(named, "it"))

    assert len(set(said)) == 1
    assert anonymous.list_layers()["Layers"] == []


def test_a_layer_without_anything_a_runtime_would_find_is_still_a_zip_that_passed_the_gate(boto: Any) -> None:
    with pytest.raises(boto.exceptions.InvalidParameterValueException):
        boto.publish_layer_version(LayerName="shared", Content={"ZipFile": b"no zip"})

    assert boto.list_layers()["Layers"] == []
