"""Writes what Chalice reads of a stage: its configuration and its policies, with values where git keeps references.

Chalice reads one file, `config.json`, and puts what it finds there into AWS's calls as it is: it knows no reference, no
variable and no second file. So git keeps `config.template.json` and the policies, and ignores the files written here.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from chalicelib.config import Settings

from infra import stages, templates
from infra.clean_tree import CHALICE
from infra.literals import literal

CONFIG = "config.json"
#: Policies with values in them, in a folder of their own.
POLICIES = "stages"

#: Chalice would take `policy-STAGE.json`, with its references, for a stage that is not in the configuration. This file
#: does not exist: Chalice stops before it makes anything, and its error names the file.
_NOT_WRITTEN = f"{POLICIES}/not-written-yet-run-make-stage.json"

Names = dict[str, Any]


def write(stage: str, names: Names, folder: Path = CHALICE) -> Path:
    """Write a stage's files and give the configuration's path; other stages' files stay as they are.

    Raise DeployError when a template names something that `names` lacks, SettingsError when the controller could not
    start with what `names` holds.
    """
    template = stages.template()
    own = _with_environment(template["stages"][stage], names)
    Settings.from_env(own["environment_variables"] | {"AWS_REGION": names["AWS::Region"]})
    written = _read(folder / CONFIG).get("stages", {}) | {stage: _with_policies(own, folder, names)}
    config = template | {"iam_policy_file": _NOT_WRITTEN, "stages": written}
    return _write_secret(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def write_template(api: Path) -> None:
    """Give a copy of the controller the configuration as git keeps it, for a chalice that needs no values."""
    shutil.copy2(CHALICE / stages.TEMPLATE, api / ".chalice" / CONFIG)


def _with_environment(own: dict[str, Any], names: Names) -> dict[str, Any]:
    """Give a stage's configuration with what controller.json says of every function."""
    every = literal(templates.controller()["Globals"]["Function"], names)
    queues = {f"HEARTH_QUEUE_ARN_{queue}": arn for queue, arn in names["queues"].items()}
    return own | {
        "environment_variables": own["environment_variables"] | every["Environment"]["Variables"] | queues,
        "subnet_ids": every["VpcConfig"]["SubnetIds"],
        "security_group_ids": every["VpcConfig"]["SecurityGroupIds"],
    }


def _with_policies(value: Any, folder: Path, names: Names) -> Any:
    """Give configuration that names policies with values; write each that it names."""
    if not isinstance(value, dict):
        return value
    return {
        key: _policy(inner, folder, names) if key == "iam_policy_file" else _with_policies(inner, folder, names)
        for key, inner in value.items()
    }


def _policy(name: str, folder: Path, names: Names) -> str:
    written = folder / POLICIES / name
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps(literal(_read(folder / name), names), indent=2) + "\n")
    return f"{POLICIES}/{name}"


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return read


def _write_secret(path: Path, text: str) -> Path:
    """Write a file that only its owner may read: Redis's password and the seed are in it."""
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path
