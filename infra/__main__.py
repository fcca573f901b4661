"""The command line of a deployment: `python -m infra data`, `stage`, `names`, `package`, `deploy`, `delete`."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from chalicelib.config import SettingsError

from infra import data_stack, deployment, names, stages
from infra.clean_tree import ROOT
from infra.deployment import Deployment
from infra.errors import DeployError, sentence
from infra.packaging import package


def make_data(asked: argparse.Namespace) -> None:
    """Create or update a stage's data stack."""
    _deployment(asked).bring_up_data()
    print(f"{data_stack.name_of(asked.stage)} is up to date")


def write_stage(asked: argparse.Namespace) -> None:
    """Write what Chalice reads of a stage."""
    path = _deployment(asked).write(os.environ)
    print(f"{path.relative_to(ROOT)} is written: `cd api && chalice deploy --stage {asked.stage}`")


def write_names(asked: argparse.Namespace) -> None:
    """Write the names of a stack's data for a shell."""
    stack = asked.stack or data_stack.name_of(asked.stage)
    found = deployment.stack(_session(), stack).names()
    print(f"{names.write(stack, found).relative_to(ROOT)} is written")


def make_package(asked: argparse.Namespace) -> None:
    """Make the package and the template for CloudFormation."""
    print(package(asked.stage, asked.out or ROOT / ".hearth" / "package" / asked.stage))


def deploy(asked: argparse.Namespace) -> None:
    """Deploy data and controller."""
    _deployment(asked).deploy(os.environ)


def delete(asked: argparse.Namespace) -> None:
    """Delete the controller."""
    _deployment(asked).delete()


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "data": make_data,
    "stage": write_stage,
    "names": write_names,
    "package": make_package,
    "deploy": deploy,
    "delete": delete,
}


def _deployment(asked: argparse.Namespace) -> Deployment:
    return Deployment(_session(), asked.stage)


def _session() -> boto3.session.Session:
    session = boto3.session.Session()
    if not session.region_name:  # a variable that is set to nothing would become part of an address
        raise NoRegionError
    return session


def parse(arguments: list[str]) -> argparse.Namespace:
    """Give the parsed command line; end the process with a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m infra", description="Hearth's controller on AWS.")
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--out", type=Path, help="where the package goes (package); .hearth/package/STAGE otherwise")
    parser.add_argument("--stack", help="whose names (names); the stage's data stack otherwise")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code."""
    asked = parse(arguments)
    try:
        stages.check(asked.stage)
        COMMANDS[asked.command](asked)
    except (DeployError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
