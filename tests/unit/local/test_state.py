"""The file of variables to source."""

import subprocess

import pytest

from local.state import parse_env, render_env


@pytest.mark.parametrize(
    "value", ["plain", "a b", "it's", '"quoted" $HOME `id`', "back\\slash", "k=v", "", "line\nbreak"]
)
def test_a_value_survives_the_file_to_source(value: str) -> None:
    assert parse_env(render_env({"HEARTH_URL": "http://x", "HEARTH_API_KEY": value})) == {
        "HEARTH_URL": "http://x",
        "HEARTH_API_KEY": value,
    }


def test_each_variable_is_exported_on_a_line_of_its_own() -> None:
    assert render_env({"A": "1", "B": "$(id)"}).splitlines()[:2] == ["export A=1", "export B='$(id)'"]


def test_a_shell_that_sources_it_has_the_variables_and_no_profile_or_session_of_the_users() -> None:
    mine = {"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "t", "PATH": "/usr/bin:/bin"}

    seen = subprocess.run(
        ["sh", "-euc", 'eval "$1"; env', "sh", render_env({"HEARTH_API_KEY": "it's"})],
        env=mine, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip

    assert "HEARTH_API_KEY=it's" in seen
    assert not [line for line in seen if line.startswith("AWS_")]
