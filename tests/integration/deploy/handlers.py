"""One handler of every kind that an event source can have; the tests add this text to the app."""

from typing import Any

from app import app
from chalicelib import event_sources


@app.schedule("rate(1 minute)", name="tests_schedule")
def tests_schedule(event: Any) -> None: ...


@app.on_sqs_message(queue_arn=event_sources.queue("DeadLetters"), batch_size=10, name="tests_queue")
def tests_queue(event: Any) -> None: ...


@app.lambda_function(name="tests_called")
def tests_called(event: Any, context: Any) -> None: ...
