"""The file to source."""

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
    assert render_env({"A": "1", "B": "$(id)"}) == "export A=1\nexport B='$(id)'\n"
