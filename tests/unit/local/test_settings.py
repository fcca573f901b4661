"""Settings that neither half could run with are found before anything starts."""

from local.settings import problems
from local.variables import for_stack


def test_a_stack_runs_without_any_setting() -> None:
    assert problems(for_stack({})) == []


def test_each_half_names_the_setting_it_cannot_use_and_what_it_should_be() -> None:
    found = problems(for_stack({"HEARTH_WAITING": "few", "HEARTH_STEMS": "none"}))

    assert len(found) == 2
    assert "HEARTH_WAITING must be a whole number" in found[0]
    assert "HEARTH_STEMS must be a whole number" in found[1]
