"""What the stack's processes get to know."""

from local.stack import own_environ


def test_nothing_of_the_persons_own_aws_reaches_the_stack() -> None:
    mine = {"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "t", "AWS_ACCESS_KEY_ID": "real", "AWS_ENDPOINT_URL_S3": "x"}

    given = own_environ(mine)

    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(given)
    assert given["AWS_ACCESS_KEY_ID"] == "local"
    assert given["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_settings_of_the_person_for_hearth_do_reach_it() -> None:
    given = own_environ({"HEARTH_SLOTS": "3", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000", "PATH": "/bin"})

    assert (given["HEARTH_SLOTS"], given["AWS_XRAY_DAEMON_ADDRESS"], given["PATH"]) == ("3", "127.0.0.1:2000", "/bin")


def test_every_stack_has_a_seed_of_its_own() -> None:
    seeds = {own_environ({})["HEARTH_SECRET_SEED"] for _ in range(2)}

    assert len(seeds) == 2
    assert all(len(seed) >= 32 for seed in seeds)
