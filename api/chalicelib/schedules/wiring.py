"""Builds the use-cases on schedules."""

import time
from dataclasses import dataclass

from chalicelib import clock
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.naming import Home
from chalicelib.schedules.due import Due
from chalicelib.schedules.store import Schedules
from chalicelib.storage.wiring import Storage


@dataclass(frozen=True, kw_only=True)
class ScheduleUseCases:
    """Schedules, and what runs them when they are due."""

    functions: FunctionUseCases  #: a schedule is of a function that is there
    store: Schedules
    due: Due


def build(
    storage: Storage, home: Home, functions: FunctionUseCases, invocations: InvocationUseCases
) -> ScheduleUseCases:
    """Build the use-cases on schedules."""
    store = Schedules(storage.items, functions.cascade, clock.now_us)
    due = Due(schedules=store, invoker=invocations.invoker, home=home, now_us=clock.now_us, monotonic_s=time.monotonic)
    return ScheduleUseCases(functions=functions, store=store, due=due)
