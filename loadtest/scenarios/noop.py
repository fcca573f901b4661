"""Scenario 4: what the platform itself can do, on a function that does nothing; and its peers beside it."""

from collections.abc import Iterator

from loadtest.scenarios.model import NOOP, OPEN, Callers, Kind, Load, Scenario, Target, constant

CLIENTS = (1, 8, 32, 64)
#: How a call goes, by its name in the report.
WAYS = {
    "express": (Kind.SYNC, False),
    "durable": (Kind.SYNC, True),
    "async to record": (Kind.RECORD, False),
}


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` shortens it."""
    return Scenario(
        name="noop",
        says="A function that does nothing, with 1, 8, 32 and 64 clients. A call with an Idempotency-Key is durable.",
        settings=OPEN,
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
