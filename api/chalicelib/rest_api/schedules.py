"""Door 2's routes on schedules."""

import json
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api.answers import members_asked, moment, nothing, shown
from chalicelib.schedules.store import Schedule, ScheduleRequest, shown_input
from chalicelib.wiring import Controller
from shared_lua.contract import LATEST

#: Member of the body → what it must be, by type and in words.
MEMBERS: dict[str, tuple[type, str]] = {
    "expression": (str, "a text"),
    "input": (object, "any JSON"),
    "enabled": (bool, "true or false"),
    "qualifier": (str, "a text"),
}


def put(hearth: Controller, call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Make or replace a schedule of a function."""
    wanted = _wanted(call)
    hearth.functions.router.shown(tenant, checked_name(name), wanted.qualifier)
    schedule, is_new = hearth.schedules.store.put(tenant, name, schedule_id, wanted)
    return shown(_schedule(schedule), 201 if is_new else 200)


def show(hearth: Controller, _call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Show one schedule."""
    return shown(_schedule(hearth.schedules.store.get(tenant, checked_name(name), schedule_id)))


def delete(hearth: Controller, _call: Call, tenant: str, name: str, schedule_id: str) -> HttpAnswer:
    """Forget one schedule."""
    hearth.schedules.store.delete(tenant, checked_name(name), schedule_id)
    return nothing()


def list_all(hearth: Controller, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's schedules by id; there are never more than one page of them."""
    hearth.functions.lifecycle.get(tenant, checked_name(name))
    return shown({"schedules": [_schedule(one) for one in hearth.schedules.store.every(tenant, name)]})


def _wanted(call: Call) -> ScheduleRequest:
    """Give what a body asks for; raise InvalidParameterError naming the member that is wrong."""
    asked = members_asked(call, MEMBERS)
    if "expression" not in asked:
        raise InvalidParameterError("A schedule needs an expression, such as rate(5 minutes)")
    qualifier = checked_qualifier(asked.get("qualifier"))
    return ScheduleRequest(
        expression=asked["expression"],
        input=json.dumps(asked["input"], separators=(",", ":")) if "input" in asked else None,
        enabled=asked.get("enabled", True),
        qualifier=None if qualifier == LATEST else qualifier,
    )


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": schedule.schedule_id,
        "function": schedule.function,
        "expression": schedule.wanted.expression,
        "input": shown_input(schedule.wanted.input),
        "enabled": schedule.wanted.enabled,
        "qualifier": schedule.wanted.qualifier or LATEST,
        "next": moment(schedule.due_s * 1_000_000) if schedule.due_s is not None else None,
        "created": moment(schedule.created_s * 1_000_000),
    }
