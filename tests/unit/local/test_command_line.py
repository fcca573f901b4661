"""The command line."""

import pytest

from local.command_line import main, parse


def test_what_follows_two_dashes_is_the_command_to_run() -> None:
    assert parse(["engine", "--", "pytest", "-x", "--maxfail=1"]).run == ["pytest", "-x", "--maxfail=1"]


@pytest.mark.parametrize("arguments", [["engine"], ["up", "--", "pytest"], ["sideways"], ["up", "--port", "x"]])
def test_a_line_that_makes_no_sense_ends_with_how_to_use_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)

    assert "usage: python -m local" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "down", "demo"])
def test_without_root_it_names_the_one_command_to_run(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")

    assert main([command, "--port", "8500"]) == 1

    [said] = capsys.readouterr().out.splitlines()
    assert said.startswith("error: Only root")
    assert "sudo -E" in said
