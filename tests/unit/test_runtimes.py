"""The runtimes that one half accepts and the other can run."""

from chalicelib import limits

from worker_agent.sandboxes import images


def test_the_api_offers_the_runtimes_the_worker_has_and_no_others() -> None:
    assert list(limits.RUNTIMES) == images.offered()


def test_a_change_to_what_runtimes_share_is_a_new_name_for_each_image() -> None:
    shared = {path.name for path in images.SHARED.iterdir() if path.is_file()}

    assert shared
    for runtime in images.offered():
        assert shared <= {path.name for path in images.context(runtime)}
