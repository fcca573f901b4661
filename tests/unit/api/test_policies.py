"""The policies of both stages, held against every AWS call that the controller's source makes."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.aws_calls import Need, needs
from tests.conftest import ROOT

FOLDER = ROOT / "api" / ".chalice"
POLICIES = sorted(path.name for path in FOLDER.glob("policy-*.json"))
STAGES = ("dev", "prod")

#: What Lambda does to take messages off a queue for a function.
TAKE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

#: What Lambda itself does in a function's name; no line of ours calls these.
LAMBDAS_OWN = {
    "Log": {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
    "Trace": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    "ReachRedisInTheVpc": {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteNetworkInterface",
    },
    "TakeCompletion": TAKE,
    "TakeUploads": TAKE,
}

#: AWS knows no resource for X-Ray's two actions, nor for Describe…; the interfaces have no name before they exist.
WITHOUT_RESOURCE = {"Trace", "ReachRedisInTheVpc"}


def statements(name: str) -> list[dict[str, Any]]:
    document = json.loads((FOLDER / name).read_text())
    found: list[dict[str, Any]] = document["Statement"]
    return found


def ours(name: str) -> list[dict[str, Any]]:
    return [one for one in statements(name) if one["Sid"] not in LAMBDAS_OWN]


def target(resource: Any) -> str:
    """Spell a statement's resource as `Functions`, `Invocations/index/recent` or `Bucket/code/*`."""
    match resource:
        case {"Fn::GetAtt": [logical, "Arn"]}:
            return str(logical)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", str(text))
        case _:
            raise AssertionError(f"what is {resource}?")


def allows(statement: dict[str, Any], need: Need) -> bool:
    touched = f"{need.resource}/{need.inside}" if need.inside else need.resource
    return need.action in statement["Action"] and fnmatchcase(touched, target(statement["Resource"]))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_policy_allows_every_call_that_the_controller_makes(stage: str) -> None:
    statements_of_stage = ours(f"policy-{stage}.json")

    refused = [need for need in sorted(needs()) if not any(allows(one, need) for one in statements_of_stage)]

    assert refused == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_policy_allows_nothing_that_the_controller_never_does(stage: str) -> None:
    all_needs = needs()

    idle = [
        f"{statement['Sid']}: {action}"
        for statement in ours(f"policy-{stage}.json")
        for action in statement["Action"]
        if not any(need.action == action and allows(statement, need) for need in all_needs)
    ]

    assert idle == []


@pytest.mark.parametrize("name", POLICIES)
def test_no_action_is_a_pattern_and_every_resource_is_named_where_aws_knows_one(name: str) -> None:
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]
        if statement["Sid"] in WITHOUT_RESOURCE:
            assert statement["Resource"] == "*"
            assert set(statement["Action"]) == LAMBDAS_OWN[statement["Sid"]]
        else:
            assert target(statement["Resource"]) != "*"
            assert not target(statement["Resource"]).startswith("*")


@pytest.mark.parametrize("stage", STAGES)
def test_what_lambda_does_in_a_functions_name_is_allowed(stage: str) -> None:
    actions = {one["Sid"]: set(one["Action"]) for one in statements(f"policy-{stage}.json")}

    assert {sid: actions.get(sid) for sid in LAMBDAS_OWN} == LAMBDAS_OWN


def test_production_runs_under_the_policy_that_was_tried_in_development() -> None:
    assert statements("policy-prod.json") == statements("policy-dev.json")


@pytest.mark.parametrize("stage", STAGES)
def test_every_policy_that_the_configuration_names_is_there(stage: str) -> None:
    config = json.loads((FOLDER / "config.template.json").read_text())["stages"][stage]
    functions = config.get("lambda_functions", {}).values()

    named = {config["iam_policy_file"], *(one["iam_policy_file"] for one in functions if "iam_policy_file" in one)}

    assert named <= set(POLICIES)
    assert config["iam_policy_file"] == f"policy-{stage}.json"
