"""What the stack's processes, and a user's shell, are told."""

from local.state import MISLEADING
from local.variables import CALLERS, for_callers, for_stack

KEYS = {"api_key": "k", "admin_key": "a", "access_key_id": "HK1", "secret_access_key": "s"}


def test_none_of_the_users_own_aws_settings_reaches_the_stack() -> None:
    mine = {"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "t", "AWS_ACCESS_KEY_ID": "real", "AWS_ENDPOINT_URL_S3": "x"}

    given = for_stack(mine)

    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(given)
    assert given["AWS_ACCESS_KEY_ID"] == "local"
    assert given["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_the_users_settings_for_hearth_do_reach_it() -> None:
    given = for_stack({"HEARTH_SLOTS": "3", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000", "PATH": "/bin"})

    assert (given["HEARTH_SLOTS"], given["AWS_XRAY_DAEMON_ADDRESS"], given["PATH"]) == ("3", "127.0.0.1:2000", "/bin")


def test_every_stack_has_a_seed_of_its_own() -> None:
    seeds = {for_stack({})["HEARTH_SECRET_SEED"] for _ in range(2)}

    assert len(seeds) == 2
    assert all(len(seed) >= 32 for seed in seeds)


def test_an_aws_client_in_the_users_shell_gets_endpoint_region_and_keys() -> None:
    given = for_callers("http://127.0.0.1:8400", KEYS)

    assert {name: value for name, value in given.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:8400",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "HK1",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    assert (given["HEARTH_API_KEY"], given["HEARTH_ADMIN_KEY"]) == ("k", "a")


def test_a_shell_that_has_sourced_one_stacks_variables_starts_another_that_knows_nothing_of_them() -> None:
    sourced = for_callers("http://127.0.0.1:8400", KEYS)

    fresh, after = for_stack({"PATH": "/bin"}), for_stack({"PATH": "/bin", **sourced})

    assert set(sourced) == CALLERS
    assert {**after, "HEARTH_SECRET_SEED": ""} == {**fresh, "HEARTH_SECRET_SEED": ""}


def test_what_would_mislead_an_aws_client_is_not_also_exported() -> None:
    assert not set(MISLEADING) & CALLERS
