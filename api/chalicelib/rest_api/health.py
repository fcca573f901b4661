"""The REST API's route on the health of the platform."""

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.operations.wiring import OperationUseCases
from chalicelib.rest_api import models
from chalicelib.rest_api.answers import shown


def health(operations: OperationUseCases, _call: Call) -> HttpAnswer:
    """Show each dependency's state: 200 when all are well, 503 when one is not. No key is needed."""
    states = operations.health.states()
    well = all(state == "ok" for state in states.values())
    body = models.Health(status="ok" if well else "down", parts=states)
    return shown(body, 200 if well else 503, {} if well else {"Retry-After": "5"})
