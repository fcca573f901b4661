"""The controller's settings."""

import pytest
from chalicelib.config import NUMBERS, REQUIRED, Settings, SettingsError

FULL = dict.fromkeys(REQUIRED, "x" * 32)


def test_defaults_fill_what_may_be_left_out() -> None:
    settings = Settings.from_env(FULL)

    assert (settings.tenant_rate_per_s, settings.tenant_burst) == (500, 1000)
    assert (settings.sync_wait_s, settings.sync_queue_s, settings.async_queue_s) == (25, 60, 21_600)
    assert settings.xray_address is None


def test_a_zip_outlasts_the_longest_wait_and_three_of_the_longest_runs() -> None:
    assert Settings.from_env(FULL).code_grace_s == 21_600 + 3 * 43_200 + 3_600
    assert Settings.from_env(FULL | {"HEARTH_ASYNC_QUEUE_S": "60"}).code_grace_s == 60 + 3 * 43_200 + 3_600
    assert Settings.from_env(FULL | {"HEARTH_CODE_GRACE_S": "7"}).code_grace_s == 7
    with pytest.raises(SettingsError, match="HEARTH_CODE_GRACE_S must be a whole number of 1 or more"):
        Settings.from_env(FULL | {"HEARTH_CODE_GRACE_S": "0"})


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"AWS_REGION": "us-east-1", "HEARTH_BUCKET": ""})

    assert all(name in str(refused.value) for name in REQUIRED if name != "AWS_REGION")
    assert "AWS_REGION" not in str(refused.value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many"])
def test_a_number_that_is_none_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be a whole number of 1 or more, not {text!r}"):
        Settings.from_env(FULL | {name: text})


def test_a_short_seed_is_refused() -> None:
    assert Settings.from_env(FULL | {"HEARTH_SECRET_SEED": "x" * 32}).secret_seed == "x" * 32

    with pytest.raises(SettingsError, match="HEARTH_SECRET_SEED must have 32"):
        Settings.from_env(FULL | {"HEARTH_SECRET_SEED": "x" * 31})
