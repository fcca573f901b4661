"""Runs scenarios one after another: a stack, its functions, k6, what was measured; it neither draws nor judges."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from loadtest import engine_starts, k6_runner, watch
from loadtest.errors import LoadTestError
from loadtest.loaded_stack import LoadedStack, loaded_stack
from loadtest.peers.running import peer
from loadtest.progress import Bar
from loadtest.reports import figures
from loadtest.reports.samples import Metric, Sample
from loadtest.scenarios.model import Load, Scenario, Target, plan
from local import containers
from local.demo import TERMINAL
from local.errors import StackError

RECORD_S = 30.0
Counts = Mapping[str, Callable[[], int]]


def run(scenarios: Sequence[Scenario], state: Path, bar: Bar) -> list[dict[str, Any]]:
    """Run them all, each on a stack in this state directory; give what was measured, one by one, as plain values."""
    return [_scenario(scenario, state, bar) for scenario in scenarios]


def _scenario(scenario: Scenario, state: Path, bar: Bar) -> dict[str, Any]:
    bar.show(scenario.name, "starting a stack")
    with loaded_stack(scenario.settings, state) as stack:
        for tenant in scenario.tenants:
            stack.add_tenant(tenant)
        bar.show(scenario.name, "deploying")
        for name, function in scenario.functions.items():
            stack.deploy(name, function)
        for name, at_once in scenario.warm.items():
            bar.show(scenario.name, f"warming {name}")
            stack.warm(name, at_once)
        stack.wait_for_stems()
        loads = [_load(scenario, load, stack, bar) for load in scenario.loads]
    engine_per_s = None
    if scenario.engine_starts:
        bar.show(scenario.name, "the engine alone")
        engine_per_s = round(engine_starts.per_s(scenario.engine_starts), 2)
    return {
        "name": scenario.name,
        "says": scenario.says,
        "settings": dict(scenario.settings),
        "engine_starts_per_s": engine_per_s,
        "loads": loads,
    }


def _load(scenario: Scenario, load: Load, stack: LoadedStack, bar: Bar) -> dict[str, Any]:
    """Put one load on its target; a peer that cannot be had is told of in a sentence and left out."""
    try:
        with _target(scenario, load, stack) as url:
            return _measured(scenario, load, stack, url, bar)
    except LoadTestError as error:
        if load.target is Target.HEARTH:
            raise
        bar.done(load.lasts_s)
        return {"name": load.name, "target": load.target.value, "skipped": str(error)}


@contextmanager
def _target(scenario: Scenario, load: Load, stack: LoadedStack) -> Iterator[str]:
    """Give the address that a load goes to, for the length of a `with`."""
    with ExitStack() as undo:
        if load.target is Target.HEARTH:
            yield stack.url
            return
        [name] = {callers.function for callers in load.callers.values()}
        yield undo.enter_context(peer(load.target, name, scenario.functions[name].source))


def _measured(scenario: Scenario, load: Load, stack: LoadedStack, url: str, bar: Bar) -> dict[str, Any]:
    stems_before = stack.found_stems()
    seen = watch.Watch(stack.pid, scenario.watch_s, _counts(scenario, stack))
    with seen.running():
        time.sleep(load.rest_s)
        began_s = time.time()
        asked = plan(load, uuid.uuid4().hex[:8], url, stack.api_keys)
        ran = k6_runner.run(asked, lambda seconds: bar.show(scenario.name, load.name, seconds))
        ended_s = time.time()
        time.sleep(load.rest_s)
    bar.done(load.lasts_s)
    samples = ran.samples
    rows = figures.usage(seen.readings)
    from_s = seen.readings[0].at_s
    return {
        "name": load.name,
        "target": load.target.value,
        "found_stems": stack.found_stems() - stems_before,
        "complaints": ran.complaints,
        "callers": figures.of_callers(samples),
        "over_time": figures.over_time(samples),
        "p95_over_time": figures.p95_over_time(samples),
        "histogram": figures.histogram([one.ms for one in samples if one.metric is Metric.LATENCY]),
        "phases": _phases(load, stack, samples),
        "stack": rows,
        "stages": figures.in_stages(rows, began_s - from_s, ended_s - from_s),
        "growth": figures.growth(rows, scenario.slack) if scenario.slack else None,
    }


def _counts(scenario: Scenario, stack: LoadedStack) -> Counts:
    """Give what else a soak counts: containers and Redis's keys."""
    if not scenario.slack:
        return {}
    port, docker = watch.redis_port(stack.pid), containers.address()
    return {
        "containers": lambda: containers.count(docker, stack.name),
        "redis_keys": lambda: watch.redis_keys(port),
    }


def _phases(load: Load, stack: LoadedStack, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Give the phases of some of the calls, by their records, which are asked for after the load."""
    if load.target is not Target.HEARTH:
        return []
    return [
        figures.phases(sample, _record(stack, load.callers[sample.callers].tenant, sample.invocation_id))
        for sample in figures.chosen(samples, load.records)
    ]


def _record(stack: LoadedStack, tenant: str | None, invocation_id: str) -> dict[str, Any]:
    """Give an Invocation's terminal record: it may come some time after the answer, but it must come."""
    give_up = time.monotonic() + RECORD_S
    while time.monotonic() < give_up:
        try:
            record: dict[str, Any] = stack.client(tenant).call("GET", f"/invocations/{invocation_id}").json()
        except StackError:
            record = {"status": "not there yet"}
        if record["status"] in TERMINAL:
            return record
        time.sleep(0.1)
    raise LoadTestError(
        f"the Invocation {invocation_id} was answered and has no terminal record after {RECORD_S:.0f} s"
    )
