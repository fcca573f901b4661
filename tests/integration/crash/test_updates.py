"""A controller that dies while it changes a function: once the change is done, no process runs the old code."""

import pytest
from chalicelib.functions.lifecycle import digest_of

from tests.integration.crash.controllers import NAME, NEW, OLD, Caller, Controllers, zips_named
from tests.integration.crash.harness import Death, told, walk

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_no_process_runs_the_old_code_after_an_update_wherever_the_first_try_died(controllers: Controllers) -> None:
    """Another process asks what would run around every call of the update, and so remembers it at the worst moment."""
    plain, other = controllers.start(), controllers.start()
    callers: list[Caller] = []
    for number, death in enumerate(walk(lambda: callers[-1].admitted(other))):
        caller = Caller(plain, number)
        callers.append(caller)

        def update(caller: Caller = caller, death: Death = death) -> None:
            controllers.start(death).functions.lifecycle.update_code(caller.tenant, NAME, NEW)

        death.end(update)
        if death.is_over:  # the client had no answer, and repeats its call
            controllers.start().functions.lifecycle.update_code(caller.tenant, NAME, NEW)

        with told(death):
            assert caller.admitted(other).invocation.version.code_sha256 == digest_of(NEW)
            assert zips_named(plain, NEW) == number + 1
            assert zips_named(plain, OLD) == 0
    assert death.calls.count("redis.EVALSHA") == 2
    assert "dynamodb.transact_write_items" in death.calls
