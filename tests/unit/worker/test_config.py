"""The agent's settings."""

import pytest

from worker_agent.config import ConfigError, Settings

WHOLE = {
    "AWS_REGION": "eu-central-1",
    "HEARTH_REDIS_URL": "redis://r",
    "HEARTH_BUCKET": "b",
    "HEARTH_INVOCATIONS_TABLE": "t",
    "HEARTH_ITEMS_TABLE": "p",
    "HEARTH_QUEUE_URL": "q",
}


def test_what_is_not_said_has_a_default() -> None:
    settings = Settings.from_env(WHOLE)

    assert settings.code_cache_mb == 64
    assert (settings.concurrency, settings.slots, settings.visibility_s, settings.prices.step_us) == (64, 96, 30, 1000)


def test_every_missing_name_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"AWS_REGION is not set.*HEARTH_QUEUE_URL is not set"):
        Settings.from_env({k: v for k, v in WHOLE.items() if k not in ("AWS_REGION", "HEARTH_QUEUE_URL")})


def test_fewer_slots_than_run_at_once_are_refused_and_as_many_are_not() -> None:
    assert Settings.from_env({**WHOLE, "HEARTH_SLOTS": "8", "HEARTH_CONCURRENCY": "8"}).slots == 8
    with pytest.raises(ConfigError, match="HEARTH_SLOTS must not be less than HEARTH_CONCURRENCY"):
        Settings.from_env({**WHOLE, "HEARTH_SLOTS": "7"})


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", ""])
def test_a_number_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="HEARTH_SLOTS must be a whole number above zero"):
        Settings.from_env({**WHOLE, "HEARTH_SLOTS": value})


@pytest.mark.parametrize(("value", "billed"), [("yes", True), ("no", False)])
def test_whether_starts_are_billed_is_a_setting(value: str, billed: bool) -> None:
    assert Settings.from_env({**WHOLE, "HEARTH_BILL_STARTS": value}).prices.bills_starts is billed


def test_a_flag_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="HEARTH_BILL_STARTS must be yes or no, not 'perhaps'"):
        Settings.from_env({**WHOLE, "HEARTH_BILL_STARTS": "perhaps"})


@pytest.mark.parametrize(("value", "port"), [(None, None), ("", None), ("1", 1), ("65535", 65_535)])
def test_figures_are_served_where_a_port_is_named(value: str | None, port: int | None) -> None:
    named = {} if value is None else {"HEARTH_METRICS_PORT": value}

    assert Settings.from_env({**WHOLE, **named}).metrics_port == port


@pytest.mark.parametrize("value", ["0", "65536", "any"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="HEARTH_METRICS_PORT must be"):
        Settings.from_env({**WHOLE, "HEARTH_METRICS_PORT": value})


@pytest.mark.parametrize(("value", "pause_s"), [(None, 60), ("0", 0), ("1", 1)])
def test_the_pause_between_tries_may_be_none(value: str | None, pause_s: int) -> None:
    assert (
        Settings.from_env(WHOLE | ({} if value is None else {"HEARTH_RETRY_PAUSE_S": value})).retry_pause_s == pause_s
    )


def test_a_pause_below_zero_is_named() -> None:
    with pytest.raises(ConfigError, match="HEARTH_RETRY_PAUSE_S must be a whole number of 0 or more, not '-1'"):
        Settings.from_env({**WHOLE, "HEARTH_RETRY_PAUSE_S": "-1"})


@pytest.mark.parametrize(("value", "url"), [(None, None), ("", None), ("q", "q")])
def test_an_agent_may_have_no_queue_for_ends(value: str | None, url: str | None) -> None:
    said = {} if value is None else {"HEARTH_COMPLETION_QUEUE_URL": value}

    assert Settings.from_env(WHOLE | said).completion_queue_url == url
