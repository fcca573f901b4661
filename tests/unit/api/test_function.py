"""What makes two versions the same."""

import dataclasses
from typing import Any

import pytest
from chalicelib.functions.function import Code, Configuration, mint_version
from chalicelib.naming import Home

HOME = Home("us-east-1")
CONFIGURATION = Configuration(name="f", runtime="python3.11", handler="m.h", environment={"A1": "x", "B1": "y"})
CODE = Code(sha256="0" * 64, zip_bytes=10, unpacked_bytes=4096)


def version_id(tenant: str = "acme", code: Code = CODE, **changes: Any) -> str:
    return mint_version(HOME, tenant, dataclasses.replace(CONFIGURATION, **changes), code).version_id


def test_equal_code_and_configuration_are_one_version() -> None:
    assert version_id() == version_id(environment={"B1": "y", "A1": "x"})
    assert len(version_id()) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "g"},
        {"handler": "m.other"},
        {"memory_mb": 129},
        {"timeout_s": 4},
        {"environment": {}},
        {"tenant": "other"},
        {"code": dataclasses.replace(CODE, sha256="1" * 64)},
    ],
)
def test_whatever_a_run_could_notice_makes_another_version(changes: dict[str, Any]) -> None:
    assert version_id(**changes) != version_id()


def test_a_description_makes_no_other_version() -> None:
    assert version_id(description="changed") == version_id()
