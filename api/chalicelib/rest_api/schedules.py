"""The REST API's routes on schedules."""

import json

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, shown
from chalicelib.rest_api.members import body
from chalicelib.schedules.store import Schedule, ScheduleRequest, shown_input
from chalicelib.schedules.wiring import ScheduleUseCases
from shared_lua.contract import LATEST


def put(schedules: ScheduleUseCases, call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Create or replace a schedule of a function."""
    wanted = _wanted(call)
    schedules.functions.router.shown(tenant, checked_name(name), wanted.qualifier)
    schedule, is_new = schedules.store.put(tenant, name, schedule_id, wanted)
    return shown(_schedule(schedule), 201 if is_new else 200)


def show(schedules: ScheduleUseCases, _call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Show one schedule."""
    return shown(_schedule(schedules.store.get(tenant, checked_name(name), schedule_id)))


def delete(schedules: ScheduleUseCases, _call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Delete one schedule."""
    schedules.store.delete(tenant, checked_name(name), schedule_id)
    return nothing()


def list_all(schedules: ScheduleUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's schedules by id; there are never more than one page of them."""
    schedules.functions.lifecycle.get(tenant, checked_name(name))
    found = schedules.store.every(tenant, name)
    return shown(models.Schedules(schedules=tuple(_schedule(one) for one in found)))


def _wanted(call: Call) -> ScheduleRequest:
    asked = body(call, bodies.ScheduleRequest)
    qualifier = checked_qualifier(asked.get("qualifier"))
    return ScheduleRequest(
        expression=asked["expression"],
        input=json.dumps(asked["input"], separators=(",", ":")) if "input" in asked else None,
        enabled=asked.get("enabled", True),
        qualifier=None if qualifier == LATEST else qualifier,
    )


def _schedule(schedule: Schedule) -> models.Schedule:
    return models.Schedule(
        id=schedule.schedule_id,
        function=schedule.function,
        expression=schedule.wanted.expression,
        input=shown_input(schedule.wanted.input),
        enabled=schedule.wanted.enabled,
        qualifier=schedule.wanted.qualifier or LATEST,
        next=moment(schedule.due_s * 1_000_000) if schedule.due_s is not None else None,
        created=moment(schedule.created_s * 1_000_000),
    )
