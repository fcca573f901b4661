"""The REST API's routes on the operation of the platform: for the admin key, except how much capacity there is."""

from typing import cast

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.operations.metrics import CONTENT_TYPE
from chalicelib.operations.wiring import OperationUseCases
from chalicelib.rest_api import models
from chalicelib.rest_api.answers import moment, shown
from chalicelib.rest_api.members import members_of


def workers(operations: OperationUseCases, _call: Call, _admin: str) -> HttpAnswer:
    """List the workers that are alive, by their heartbeats of the last seconds."""
    known = [one.name for one in members_of(models.Worker)]
    beats = [{**beat, "since": moment(beat["since_us"])} for beat in operations.fleet.workers()]
    listed = ({name: beat[name] for name in known if name in beat} for beat in beats)
    return shown(models.Workers(workers=tuple(cast(models.Worker, one) for one in listed)))


def room(operations: OperationUseCases, _call: Call, _tenant: str) -> HttpAnswer:
    """Show how many workers there are, how many Invocations they can run at once, and how many more they could now."""
    return shown(operations.fleet.room())


def metrics(operations: OperationUseCases, _call: Call, _admin: str) -> HttpAnswer:
    """Show this process's metrics in Prometheus's text format. On Lambda each process knows only its own."""
    return HttpAnswer(headers={"Content-Type": CONTENT_TYPE}, body=operations.metrics.text())
