"""Door 2's routes on the running of the platform: all of it for the admin key, how much room there is for tenants."""

from dataclasses import asdict

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.operations.metrics import CONTENT_TYPE
from chalicelib.rest_api.answers import moment, shown
from chalicelib.wiring import Controller


def workers(hearth: Controller, _call: Call, _admin: str) -> HttpAnswer:
    """List the workers that are there, by their own word of the last seconds."""
    words = hearth.operations.fleet.workers()
    listed = [{**word, "since": moment(word["since_us"])} for word in words]
    return shown({"workers": [{name: one[name] for name in one if name != "since_us"} for one in listed]})


def room(hearth: Controller, _call: Call, _tenant: str) -> HttpAnswer:
    """Show how many workers there are, how many Invocations they run at once, and how many more they could."""
    return shown(asdict(hearth.operations.fleet.room()))


def metrics(hearth: Controller, _call: Call, _admin: str) -> HttpAnswer:
    """Show Prometheus what this process of the controller has answered: on Lambda each process knows only its own."""
    return HttpAnswer(headers={"Content-Type": CONTENT_TYPE}, body=hearth.operations.metrics.text())
