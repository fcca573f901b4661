"""Unmodified clients of AWS's on a real stack: its command line, and boto3, each through a function's whole life."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.zips import zipped

pytestmark = pytest.mark.e2e

ROLE = "arn:aws:iam::000000000000:role/any"


def code(answer: str) -> bytes:
    """A zip whose function answers so, with the version that it reads to be and the name it was called by."""
    source = (
        "def handler(event, context):\n"
        "    called = context.invoked_function_arn.rpartition('function:')[2]\n"
        f"    return [{answer!r}, context.function_version, called]\n"
    )
    return zipped({"main.py": source})


class Cli:
    """`aws lambda …` as a process of its own, in a shell that has sourced the stack's variables."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._folder = folder
        self._environ = {
            "PATH": os.environ["PATH"],
            **stack.keys,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def zipped(self, answer: str) -> str:
        (self._folder / f"{answer}.zip").write_bytes(code(answer))
        return f"fileb://{answer}.zip"

    def run(self, *words: str) -> Any:
        """Give what a command prints."""
        done = self._done(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def refused(self, *words: str) -> str:
        """Give what a command complains of."""
        done = self._done(*words)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def invoke(self, *words: str) -> tuple[Any, Any]:
        """Give the function's answer, and what the command prints beside it."""
        printed = self.run("invoke", *words, "--payload", "{}", "answer.json")
        return json.loads((self._folder / "answer.json").read_text()), printed

    def _done(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "awscli", "lambda", *words, "--output", "json"],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def test_the_aws_cli_takes_a_function_through_its_whole_life(stack: Stack, tmp_path: Path) -> None:
    aws = Cli(stack, tmp_path)
    name = ("--function-name", "by-cli")

    created = aws.run(
        *("create-function", *name, "--runtime", "python3.11", "--role", ROLE, "--handler", "main.handler"),
        *("--timeout", "10", "--zip-file", aws.zipped("one")),
    )
    assert (created["Version"], created["State"]) == ("$LATEST", "Active")
    assert aws.invoke(*name)[0] == ["one", "$LATEST", "by-cli"]

    assert aws.run("publish-version", *name)["Version"] == "1"
    assert aws.run("create-alias", *name, "--name", "live", "--function-version", "1")["FunctionVersion"] == "1"
    answer, printed = aws.invoke(*name, "--qualifier", "live")
    assert (answer, printed["ExecutedVersion"]) == (["one", "1", "by-cli:live"], "1")

    updated = aws.run("update-function-code", *name, "--publish", "--zip-file", aws.zipped("two"))
    assert updated["Version"] == "2"
    assert aws.invoke("--function-name", "by-cli:live")[0][0] == "one"
    aws.run("update-alias", *name, "--name", "live", "--function-version", "2")
    assert aws.invoke("--function-name", "by-cli:live")[0] == ["two", "2", "by-cli:live"]

    aws.run("update-alias", *name, "--name", "live", "--function-version", "1")
    assert aws.invoke("--function-name", "by-cli:live")[0][0] == "one"
    assert "ResourceConflictException" in aws.refused("delete-function", *name, "--qualifier", "1")

    aws.run("delete-alias", *name, "--name", "live")
    aws.run("delete-function", *name)
    assert "ResourceNotFoundException" in aws.refused("get-function", *name)


def test_boto3_does_the_same_and_every_roll_back_is_seen_by_the_next_call(stack: Stack) -> None:
    boto, name = stack.boto3(), {"FunctionName": "by-boto"}
    boto.create_function(
        **name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="main.handler",
        Timeout=10,
        Code={"ZipFile": code("one")},
        Publish=True,
    )
    boto.get_waiter("function_active_v2").wait(**name)
    boto.update_function_code(**name, ZipFile=code("two"), Publish=True)
    boto.create_alias(**name, Name="live", FunctionVersion="1")

    for number, answer in (("2", "two"), ("1", "one"), ("2", "two")):
        boto.update_alias(**name, Name="live", FunctionVersion=number)
        reply = boto.invoke(**name, Qualifier="live")
        assert (json.load(reply["Payload"]), reply["ExecutedVersion"]) == ([answer, number, "by-boto:live"], number)

    boto.update_alias(**name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    drawn = {boto.invoke(**name, Qualifier="live")["ExecutedVersion"] for _ in range(30)}
    assert drawn == {"1", "2"}
    boto.delete_function(**name)
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.invoke(**name, Qualifier="live")
