"""Scenario 4: a function that does nothing, so that what is measured is the platform; and its peers."""

from collections.abc import Iterator

from loadtest.scenarios.executors import constant
from loadtest.scenarios.model import NOOP, UNLIMITED, Callers, Kind, Load, Scenario, Target

CLIENTS = (1, 8, 32, 64)
#: The ways of calling Hearth, by their names in the report: how, and whether under an Idempotency-Key.
WAYS = {
    "express": (Kind.SYNC, False),
    "durable": (Kind.SYNC, True),
    "async to record": (Kind.RECORD, False),
}


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    return Scenario(
        name="noop",
        description="A function that does nothing, with 1, 8, 32 and 64 clients. Calls under an Idempotency-Key take"
        " the durable lane.",
        settings=UNLIMITED,
        functions={"noop": NOOP},
        warm={"noop": 48},
        loads=tuple(_loads(5 * scale)),
    )


def _loads(lasts_s: float) -> Iterator[Load]:
    for clients in CLIENTS:
        executor = constant(clients, lasts_s)
        for way, (kind, durable) in WAYS.items():
            callers = Callers(executor=executor, function="noop", kind=kind, durable=durable)
            yield _load(f"{way}, {clients}", callers, lasts_s, Target.HEARTH)
        yield _load(f"bare, {clients}", Callers(executor=executor, function="noop"), lasts_s, Target.BARE)
    yield _load("emulator, 1", Callers(executor=constant(1, lasts_s), function="noop"), lasts_s, Target.EMULATOR)


def _load(name: str, callers: Callers, lasts_s: float, target: Target) -> Load:
    return Load(name=f"noop {name}", callers={"clients": callers}, lasts_s=lasts_s + 0.5, target=target, records=40)
