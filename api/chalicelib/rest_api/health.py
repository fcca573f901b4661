"""Door 2's word on the platform itself."""

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api.answers import shown
from chalicelib.wiring import Controller


def health(hearth: Controller, _call: Call) -> HttpAnswer:
    """Show each part's state: 200 when all are well, 503 when one is not. Anyone may ask, also when nobody gets in."""
    states = hearth.operations.health.states()
    well = all(state == "ok" for state in states.values())
    body = {"status": "ok" if well else "down", "parts": states}
    return shown(body, 200 if well else 503, {} if well else {"Retry-After": "5"})
