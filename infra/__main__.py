"""The command line of a deployment: `python -m infra package`, `deploy`, `delete`."""

import argparse
import os
import sys
from pathlib import Path

import boto3
from chalicelib.config import SettingsError

from infra.clean_tree import ROOT
from infra.deployment import Deployment
from infra.errors import DeployError
from infra.packaging import package

STAGES = ("dev", "prod")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Give the parsed command line; end the process with a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m infra", description="Hearth's controller on AWS.")
    parser.add_argument("command", choices=["package", "deploy", "delete"])
    parser.add_argument("--stage", choices=STAGES, default="dev")
    parser.add_argument("--out", type=Path, help="where the package goes (package); .hearth/package/STAGE otherwise")
    return parser.parse_args(arguments)


def run(asked: argparse.Namespace) -> None:
    """Do what was asked; raise DeployError or SettingsError when it cannot be done."""
    if asked.command == "package":
        print(package(asked.stage, asked.out or ROOT / ".hearth" / "package" / asked.stage))
        return
    deployment = Deployment(boto3.session.Session(), asked.stage)
    if asked.command == "deploy":
        deployment.deploy(os.environ)
    else:
        deployment.delete()


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code."""
    try:
        run(parse(arguments))
    except (DeployError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
