"""Runs scenarios: starts a stack, puts the loads on it, and collects what was measured. It draws and judges nothing."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from loadtest import engine_starts, k6, watch
from loadtest.errors import LoadTestError
from loadtest.loaded_stack import LoadedStack, loaded_stack
from loadtest.peers.running import peer
from loadtest.progress import Progress
from loadtest.reports import figures, stack_use
from loadtest.reports.readings import Reading
from loadtest.reports.samples import Sample
from loadtest.scenarios.model import Load, Scenario, Target
from loadtest.scenarios.plan import plan
from loadtest.watch import Counters, Watch
from local import containers
from shared_lua.contract import TERMINAL

#: How long a terminal record may come after its answer.
RECORD_S = 30.0


def run(scenarios: Sequence[Scenario], state: Path, progress: Progress) -> list[dict[str, Any]]:
    """Runs the scenarios one by one, each on a stack of its own in this state directory. Returns JSON-ready figures."""
    return [_scenario(scenario, state, progress) for scenario in scenarios]


def _scenario(scenario: Scenario, state: Path, progress: Progress) -> dict[str, Any]:
    progress.show(scenario.name, "starting a stack")
    with loaded_stack(scenario.settings, state) as stack:
        _fill(scenario, stack, progress)
        loads = [_load(scenario, load, stack, progress) for load in scenario.loads]
    return {
        "name": scenario.name,
        "description": scenario.description,
        "settings": dict(scenario.settings),
        "engine_starts_per_s": _engine_starts(scenario, progress),
        "loads": loads,
    }


def _fill(scenario: Scenario, stack: LoadedStack, progress: Progress) -> None:
    """Creates the scenario's tenants and functions, and warms what it wants warm."""
    for tenant in scenario.tenants:
        stack.add_tenant(tenant)
    progress.show(scenario.name, "deploying")
    for name, function in scenario.functions.items():
        stack.deploy(name, function)
    for name, sandboxes in scenario.warm.items():
        progress.show(scenario.name, f"warming {name}")
        stack.warm(name, sandboxes)
    stack.wait_for_stems()


def _engine_starts(scenario: Scenario, progress: Progress) -> float | None:
    """Measures the engine alone, after the stack has ended: it would share the machine otherwise."""
    if not scenario.engine_starts:
        return None
    progress.show(scenario.name, "the engine alone")
    return round(engine_starts.per_s(scenario.engine_starts), 2)


def _load(scenario: Scenario, load: Load, stack: LoadedStack, progress: Progress) -> dict[str, Any]:
    """Puts one load on its target. A peer that cannot be had is skipped, with the reason in the report."""
    try:
        with _target(scenario, load, stack) as url:
            return _measured(scenario, load, stack, url, progress)
    except LoadTestError as error:
        if load.target is Target.HEARTH:
            raise
        progress.done(load.lasts_s)
        return {"name": load.name, "target": load.target.value, "skipped": str(error)}


@contextmanager
def _target(scenario: Scenario, load: Load, stack: LoadedStack) -> Iterator[str]:
    """Yields the address that a load goes to; a peer runs for the length of the `with`."""
    with ExitStack() as undo:
        if load.target is Target.HEARTH:
            yield stack.url
            return
        [name] = {callers.function for callers in load.callers.values()}
        yield undo.enter_context(peer(load.target, name, scenario.functions[name].source))


def _measured(scenario: Scenario, load: Load, stack: LoadedStack, url: str, progress: Progress) -> dict[str, Any]:
    stems_before = stack.found_stems()
    seen = Watch(stack.pid, scenario.watch_s, _counters(scenario, stack))
    with seen.running():
        time.sleep(load.rest_s)
        began_s = time.time()
        planned = plan(load, uuid.uuid4().hex[:8], url, stack.api_keys)
        ran = k6.run(planned, lambda seconds: progress.show(scenario.name, load.name, seconds))
        ended_s = time.time()
        time.sleep(load.rest_s)
    progress.done(load.lasts_s)
    return {
        "name": load.name,
        "target": load.target.value,
        "found_stems": stack.found_stems() - stems_before,
        "complaints": ran.complaints,
        **_of_calls(ran.samples),
        "phases": _phases(load, stack, ran.samples),
        **_of_stack(scenario, seen.readings, began_s, ended_s),
    }


def _of_calls(samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "callers": figures.of_callers(samples),
        "over_time": figures.over_time(samples),
        "p95_over_time": figures.p95_over_time(samples),
        "histogram": figures.histogram(samples),
    }


def _of_stack(scenario: Scenario, readings: Sequence[Reading], began_s: float, ended_s: float) -> dict[str, Any]:
    rows, from_s = stack_use.usage(readings), readings[0].at_s
    return {
        "stack": rows,
        "stages": stack_use.in_stages(rows, began_s - from_s, ended_s - from_s),
        "growth": stack_use.growth(rows, scenario.slack) if scenario.slack else None,
    }


def _counters(scenario: Scenario, stack: LoadedStack) -> Counters:
    """Returns what a soak counts beside the processes: containers, and keys in Redis."""
    if not scenario.slack:
        return {}
    port, docker = watch.redis_port(stack.pid), containers.address()
    return {
        "containers": lambda: containers.count(docker, stack.name),
        "redis_keys": lambda: watch.redis_keys(port),
    }


def _phases(load: Load, stack: LoadedStack, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Returns the phases of some of the calls. Their records are read after the load, so as not to add to it."""
    if load.target is not Target.HEARTH:
        return []
    return [
        figures.phases(sample, _record(stack, load.callers[sample.callers].tenant, sample.invocation_id))
        for sample in figures.chosen(samples, load.records)
    ]


def _record(stack: LoadedStack, tenant: str | None, invocation_id: str) -> dict[str, Any]:
    """Returns an Invocation's terminal record, which may come some time after the answer, but must come."""
    give_up, found = time.monotonic() + RECORD_S, ""
    while time.monotonic() < give_up:
        try:
            record: dict[str, Any] = stack.client(tenant).call("GET", f"/invocations/{invocation_id}").json()
        except LoadTestError as error:  # 404 until the ledger has it
            found = str(error)
        else:
            if record["status"] in TERMINAL:
                return record
            found = record["status"]
        time.sleep(0.1)
    raise LoadTestError(f"the Invocation {invocation_id} has no terminal record after {RECORD_S:.0f} s: {found}")
