"""What is written for Chalice to read."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from chalicelib.config import SettingsError

from infra import names, stage_files, stages, templates
from infra.clean_tree import CHALICE

QUEUES = [name for name, one in templates.load(templates.DATA)["Resources"].items() if one["Type"] == "AWS::SQS::Queue"]
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012"}
SURROUNDINGS = {
    "RedisUrl": "rediss://cache.example:6379/0",
    "SecretSeed": "s" * 32,
    "SubnetIds": ["subnet-1"],
    "SecurityGroupIds": ["sg-1"],
}


def known(stack: str) -> dict[str, Any]:
    """The names of a stack in which each resource is called by its logical name."""
    resources = templates.load(templates.DATA)["Resources"]
    found = {name: f"{stack}-{name}" for name in resources}
    arns = {f"{name}.Arn": f"arn:{value}" for name, value in found.items()}
    return {**PSEUDO, **SURROUNDINGS, **found, **arns, "queues": {name: arns[f"{name}.Arn"] for name in QUEUES}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A `.chalice` as git has it."""
    for path in (*CHALICE.glob("policy-*.json"), CHALICE / stages.TEMPLATE):
        shutil.copy2(path, tmp_path)
    return tmp_path


def written(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / stage_files.CONFIG).read_text())
    return config


def test_a_stage_has_its_names_its_queues_and_its_network(folder: Path) -> None:
    stage_files.write("dev", known("one"), folder)

    stage = written(folder)["stages"]["dev"]
    assert stage["environment_variables"]["HEARTH_BUCKET"] == "one-Bucket"
    assert stage["environment_variables"]["HEARTH_QUEUE_ARN_Uploads"] == "arn:one-Uploads"
    assert (stage["subnet_ids"], stage["security_group_ids"]) == (["subnet-1"], ["sg-1"])
    assert stage["lambda_functions"] == stages.template()["stages"]["dev"]["lambda_functions"]


def test_its_policy_holds_values_and_no_reference(folder: Path) -> None:
    stage_files.write("dev", known("one"), folder)

    policy = (folder / written(folder)["stages"]["dev"]["iam_policy_file"]).read_text()
    assert "arn:one-Bucket/code/*" in policy
    assert "${" not in policy
    assert "Fn::" not in policy
    assert json.loads(policy)["Statement"][0] == {
        **json.loads((folder / "policy-dev.json").read_text())["Statement"][0],
        "Resource": "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/*",
    }


def test_a_handlers_own_policy_is_written_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = stages.template()
    template["stages"]["dev"]["lambda_functions"]["timer"]["iam_policy_file"] = "policy-prod.json"
    monkeypatch.setattr(stages, "template", lambda: template)

    stage_files.write("dev", known("one"), folder)

    named = written(folder)["stages"]["dev"]["lambda_functions"]["timer"]["iam_policy_file"]
    assert "one-Bucket" in (folder / named).read_text()


def test_a_stage_written_before_stays_as_it_is_and_one_written_again_is_new(folder: Path) -> None:
    stage_files.write("dev", known("one"), folder)
    stage_files.write("prod", known("two"), folder)
    stage_files.write("prod", known("three"), folder)

    found = {stage: one["environment_variables"]["HEARTH_BUCKET"] for stage, one in written(folder)["stages"].items()}
    assert found == {"dev": "one-Bucket", "prod": "three-Bucket"}


def test_a_stage_that_was_not_written_has_a_policy_that_does_not_exist(folder: Path) -> None:
    stage_files.write("dev", known("one"), folder)

    assert list(written(folder)["stages"]) == ["dev"]
    assert not (folder / written(folder)["iam_policy_file"]).exists()


def test_what_is_written_is_for_its_owner_alone(folder: Path) -> None:
    (folder / stage_files.CONFIG).write_text("{}")
    (folder / stage_files.CONFIG).chmod(0o644)

    path = stage_files.write("dev", known("one"), folder)

    assert path.stat().st_mode & 0o777 == 0o600


def test_settings_with_which_the_controller_could_not_start_are_not_written(folder: Path) -> None:
    with pytest.raises(SettingsError, match="HEARTH_SECRET_SEED must have 32 characters"):
        stage_files.write("dev", known("one") | {"SecretSeed": "short"}, folder)

    assert not (folder / stage_files.CONFIG).exists()


def test_the_names_for_a_shell_are_those_of_the_data_and_hold_no_secret(tmp_path: Path) -> None:
    path = names.write("hearth-prod", known("one"), tmp_path / "names")

    lines = path.read_text().splitlines()
    assert path.name == "hearth-prod.env"
    assert "export AWS_REGION=eu-central-1" in lines
    assert "export HEARTH_BUCKET=one-Bucket" in lines
    assert not [line for line in lines if "HEARTH_REDIS_URL" in line or "HEARTH_SECRET_SEED" in line]
