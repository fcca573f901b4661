"""A controller that dies at any external call of an act: after the next try all is there once, and nothing is left."""

import dataclasses

import pytest
from chalicelib.schedules.due import Due
from chalicelib.schedules.store import ScheduleRequest
from chalicelib.wiring import Controller

from shared_lua import keys
from tests.integration.crash.controllers import NAME, NEW, OLD, Caller, Controllers, zips_named
from tests.integration.crash.harness import Death, told, walk
from tests.integration.crash.workers import Site

pytestmark = [pytest.mark.aws, pytest.mark.redis]

MINUTE_US = 60_000_000


class Tick:
    """A schedule that is due, and ticks of the timer by a clock that only the test moves."""

    def __init__(self, controllers: Controllers, caller: Caller, schedule_id: str) -> None:
        self._controllers, self._caller, self._schedule_id = controllers, caller, schedule_id
        plain = controllers.start()
        self.now_us = plain.schedules.due.now_us() - 600 * 1_000_000
        wanted = ScheduleRequest(expression="rate(5 minutes)")
        self._of(plain).schedules.put(caller.tenant, NAME, schedule_id, wanted)
        self.now_us += 301 * 1_000_000

    def run(self, death: Death | None = None) -> int:
        return self._of(self._controllers.start(death)).run()

    def due_s(self) -> int | None:
        due = self._of(self._controllers.start())
        return due.schedules.get(self._caller.tenant, NAME, self._schedule_id).due_s

    def waiting(self) -> list[int]:
        """Give when the tenant's schedules wait to be due."""
        found, _ = self._controllers.start().schedules.store.due(None, 1000)
        return [one.due_s for one in found if one.tenant == self._caller.tenant]

    def _of(self, process: Controller) -> Due:
        """Give what a tick of this process does, by the test's clock, and for this schedule alone."""

        def now_us() -> int:
            return self.now_us

        minting = dataclasses.replace(process.admission.mint, now_us=now_us)
        admission = dataclasses.replace(process.admission, mint=minting)
        return dataclasses.replace(
            process.schedules.due,
            now_us=now_us,
            schedules=dataclasses.replace(process.schedules.store, now_us=now_us),
            invoker=dataclasses.replace(process.invocations.invoker, admission=admission),
        )


def test_a_due_schedule_runs_once_wherever_its_tick_dies(controllers: Controllers, site: Site) -> None:
    plain = controllers.start()
    for number, death in enumerate(walk()):
        caller = Caller(plain, number)
        tick = Tick(controllers, caller, "s")

        death.end(lambda tick=tick, death=death: tick.run(death))  # type: ignore[misc]
        first_due_s = tick.now_us // 1_000_000
        tick.now_us += MINUTE_US  # the timer's next tick
        tick.run()
        site.recover(death)

        with told(death):
            site.check_each_once(caller.tenant, ran=1)
            assert (tick.due_s() or 0) > first_due_s
            assert tick.waiting() == [tick.due_s()]
        plain.schedules.store.delete(caller.tenant, NAME, "s")
    assert "sqs.send_message" in death.calls


@pytest.mark.parametrize("publish", [False, True])
def test_an_upload_becomes_a_functions_code_once_wherever_its_activation_dies(
    controllers: Controllers, site: Site, publish: bool
) -> None:
    """Another process asks what would run around every call, and must not go on with the old code afterwards."""
    plain, other = controllers.start(), controllers.start()
    callers: list[Caller] = []
    for number, death in enumerate(walk(lambda: callers[-1].admitted(other))):
        caller = Caller(plain, number)
        callers.append(caller)
        upload, _, _ = plain.functions.uploads.begin(caller.tenant, NAME, {}, publish=publish)
        key = keys.upload(caller.tenant, upload.upload_id)
        site.aws("s3").put_object(Bucket=site.data["BucketName"], Key=key, Body=NEW)

        def arrive(death: Death, caller: Caller = caller, upload_id: str = upload.upload_id) -> None:
            controllers.start(death).functions.uploads.arrived(caller.tenant, upload_id)

        death.end(lambda arrive=arrive, death=death: arrive(death))  # type: ignore[misc]
        arrive(Death())  # S3 delivers an event again that was not handled, and at times one that was

        with told(death):
            function = plain.functions.lifecycle.get(caller.tenant, NAME)
            assert (function.state, function.upload_id, function.published) == ("Active", "", int(publish))
            assert caller.admitted(other).invocation.version.code_sha256 == function.version.code_sha256
            assert zips_named(plain, NEW) == (number + 1) * (2 if publish else 1)
            assert zips_named(plain, OLD) == 0
            assert objects(site, keys.UPLOADS) == []
            for partition in (keys.waiting_uploads(), keys.tenant_uploads(caller.tenant)):
                assert plain.functions.uploads.items.every(partition) == []
    assert "s3.delete_object" in death.calls


def objects(site: Site, prefix: str) -> list[str]:
    listed = site.aws("s3").list_objects_v2(Bucket=site.data["BucketName"], Prefix=prefix)
    return [one["Key"] for one in listed.get("Contents", [])]
