"""A deployment that cannot be: one sentence says why, and nothing is made."""

from collections.abc import Callable

import pytest

from infra.__main__ import main
from tests.conftest import free_port

ON_AWS = ("data", "stage", "names", "deploy", "delete")
REGION = {"AWS_DEFAULT_REGION": "eu-central-1"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SETTINGS = {
    "HEARTH_REDIS_URL": "rediss://cache.example:6379/0",
    "HEARTH_SECRET_SEED": "s" * 32,
    "HEARTH_SUBNET_IDS": "subnet-1",
    "HEARTH_SECURITY_GROUP_IDS": "sg-1",
}
#: Nothing of the machine's own is found: no profile, no role of the host.
NOWHERE = {
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_DEFAULT_REGION": "",
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail and give what it says: one line that begins with `error: `."""

    def said(*command: str, **environ: str) -> str:
        for name, value in {**NOWHERE, **SETTINGS, **environ}.items():
            monkeypatch.setenv(name, value)
        assert main(list(command)) == 1
        out, err = capfd.readouterr()
        assert out == ""
        [line] = err.splitlines()
        assert line.startswith("error: ")
        return line

    return said


@pytest.mark.parametrize("command", ON_AWS)
def test_without_a_region_a_command_says_how_to_set_one(said: Callable[..., str], command: str) -> None:
    assert "no region is set: export AWS_DEFAULT_REGION" in said(command, **CREDENTIALS)


@pytest.mark.parametrize("command", ON_AWS)
def test_without_credentials_a_command_says_where_to_put_them(said: Callable[..., str], command: str) -> None:
    assert "there are no usable AWS credentials" in said(command, **REGION)


@pytest.mark.parametrize("command", ON_AWS)
def test_without_a_network_a_command_says_that_aws_cannot_be_reached(said: Callable[..., str], command: str) -> None:
    nobody = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}

    assert "AWS cannot be reached" in said(command, **REGION, **CREDENTIALS, **nobody)


def test_a_profile_that_does_not_exist_is_named(said: Callable[..., str]) -> None:
    assert "The config profile (gone) could not be found" in said("stage", **REGION, AWS_PROFILE="gone")


def test_a_stage_without_a_setting_names_it(said: Callable[..., str]) -> None:
    assert "set HEARTH_REDIS_URL: " in said("stage", **REGION, **CREDENTIALS, HEARTH_REDIS_URL="")


def test_a_stage_whose_name_cannot_be_one_is_told_of_before_aws_is_asked(said: Callable[..., str]) -> None:
    assert "'a b' cannot be a stage" in said("data", "--stage", "a b")
