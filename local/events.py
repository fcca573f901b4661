"""Calls the app's event handlers as AWS would, since the AWS stand-in calls none; it knows events, not what they do."""

import functools
import json
import logging
import math
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.process import die_with_parent
from local.uploaded import Bucket
from shared_lua import keys
from worker_agent.threads import Loop

Event = dict[str, Any]
Handler = Callable[[Event, None], Any]
#: Gives a handler's events as they come, until the stop is set.
Source = Callable[[threading.Event], Iterator[Event]]

#: How often the clock calls. AWS has nothing faster than a minute; tests have no minute to spare.
TIMER_S = float(os.environ.get("HEARTH_TIMER_S") or 60)

#: How often the bucket is looked into, and how soon what still lies there is told of again.
UPLOADS_EVERY_S = 1.0
TELL_AGAIN_S = 60.0

#: How long one look for messages lasts: so long may stopping take.
LOOK_S = 2
#: In an event that its handler failed at.
FAILED = "hearth_failed"
#: Between two looks while the queue does not answer.
OUTAGE_PAUSE_S = 1.0

_log = logging.getLogger("hearth.events")


def timer(stop: threading.Event) -> Iterator[Event]:
    """Give EventBridge's event at the beginning of every minute."""
    while not stop.wait(TIMER_S - time.time() % TIMER_S):
        yield {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": os.environ.get("AWS_REGION", ""),
            "resources": [],
            "detail": {},
        }


def uploads(stop: threading.Event) -> Iterator[Event]:
    """Give the queue's event for every upload in the bucket: soon, and again every minute while it lies there.

    On AWS S3 sends some messages twice, and the queue delivers again what failed.
    """
    bucket = Bucket.from_env(os.environ)
    told: dict[str, float] = {}
    while not stop.wait(UPLOADS_EVERY_S):
        lying = bucket.lying(keys.UPLOADS)
        told = {tag: at for tag, at in told.items() if tag in lying}
        for tag, key in lying.items():
            if time.monotonic() - told.get(tag, -math.inf) >= TELL_AGAIN_S:
                told[tag] = time.monotonic()
                yield created(bucket.name, key)


def created(bucket: str, key: str) -> Event:
    """Give the event of the queue that S3 tells of a new object: as much of S3's message as says which object."""
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    message = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": s3}]}
    return {"Records": [_record(json.dumps(message))]}


def ends(stop: threading.Event) -> Iterator[Event]:
    """Give the messages that say that an Invocation has ended; one that fails comes again, as on AWS."""
    yield from messages(os.environ["HEARTH_COMPLETION_QUEUE_URL"], stop)


def messages(queue_url: str, stop: threading.Event) -> Iterator[Event]:
    """Give Lambda's event of one SQS message at a time, and let go of each that its taker has not marked as failed."""
    sqs = boto3.client("sqs")
    while not stop.is_set():
        for message in _look(sqs, queue_url, stop):
            event: Event = {"Records": [_record(message["Body"], message["ReceiptHandle"])]}
            yield event
            if FAILED not in event:
                _let_go(sqs, queue_url, message["ReceiptHandle"])


def _record(body: str, receipt: str = "") -> dict[str, str]:
    return {"body": body, "receiptHandle": receipt, "eventSource": "aws:sqs"}


def _look(sqs: Any, queue_url: str, stop: threading.Event) -> list[Any]:
    try:
        found: list[Any] = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=LOOK_S).get("Messages", [])
    except (BotoCoreError, ClientError):
        _log.exception("%s was not read", queue_url)
        stop.wait(OUTAGE_PAUSE_S)
        return []
    return found


def _let_go(sqs: Any, queue_url: str, receipt: str) -> None:
    try:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)
    except (BotoCoreError, ClientError):
        _log.exception("a message stays in %s and comes again", queue_url)


#: The handler's name in the app → where its events come from.
SOURCES: Mapping[str, Source] = {
    "timer": timer,
    "on_upload": uploads,
    "ends": ends,
}


def drive(name: str, handler: Handler, source: Source, stop: threading.Event) -> None:
    """Call the handler with one event after the other. Its errors are logged; those of the source are raised."""
    for event in source(stop):
        try:
            handler(event, None)
            _log.info("%s called", name)
        except Exception:  # noqa: BLE001  (whatever a handler raises, Lambda calls it again for the next event)
            event[FAILED] = True
            _log.exception("%s failed", name)


def run(handlers: Mapping[str, Handler], sources: Mapping[str, Source], stop: threading.Event) -> None:
    """Drive every handler in a thread of its own until the stop is set, and return when the last call has ended."""
    loops = [
        Loop(name, functools.partial(drive, name, handlers[name], source, stop), stop)
        for name, source in sources.items()
    ]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()


def main() -> None:
    """Drive Hearth's own app until SIGTERM."""
    import app  # noqa: PLC0415  (only here: an importer of this module may have an app of its own)

    die_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run({name: getattr(app, name) for name in SOURCES}, SOURCES, stop)


if __name__ == "__main__":
    main()
