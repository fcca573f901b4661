"""Calls the app's event handlers as AWS does, since the AWS stand-in calls none."""

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
#: Yields a handler's events as they come, until the stop is set.
Source = Callable[[threading.Event], Iterator[Event]]

#: How often the timer fires. AWS has nothing faster than a minute; tests have no minute to spare.
TIMER_S = float(os.environ.get("HEARTH_TIMER_S") or 60)

#: How often the bucket is listed, and when the event about an object that is still there is sent again.
UPLOADS_EVERY_S = 1.0
REPEAT_S = 60.0

#: How long one poll for messages lasts, and so how long stopping may take.
POLL_S = 2
#: Set in an event whose handler failed.
FAILED = "hearth_failed"
#: Between two polls while the queue does not answer.
OUTAGE_PAUSE_S = 1.0

_log = logging.getLogger("hearth.events")


def timer(stop: threading.Event) -> Iterator[Event]:
    """Yields EventBridge's scheduled event at the beginning of every minute."""
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
    """Yields the queue's event for every upload in the bucket, and again every minute while the upload is there.

    On AWS, S3 sends some messages twice, and the queue delivers a message again if its handler fails.
    """
    bucket = Bucket.from_env(os.environ)
    sent: dict[str, float] = {}
    while not stop.wait(UPLOADS_EVERY_S):
        found = bucket.objects(keys.UPLOADS)
        sent = {tag: at for tag, at in sent.items() if tag in found}
        for tag, key in found.items():
            if time.monotonic() - sent.get(tag, -math.inf) >= REPEAT_S:
                sent[tag] = time.monotonic()
                yield created(bucket.name, key)


def created(bucket: str, key: str) -> Event:
    """Returns the event of the queue to which S3 reports a new object, with the fields that name the object."""
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    message = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": s3}]}
    return {"Records": [_record(json.dumps(message))]}


def ends(stop: threading.Event) -> Iterator[Event]:
    """Yields the completion events of Invocations; one whose handler fails comes again, as on AWS."""
    yield from messages(os.environ["HEARTH_COMPLETION_QUEUE_URL"], stop)


def messages(queue_url: str, stop: threading.Event) -> Iterator[Event]:
    """Yields Lambda's event for one SQS message at a time, and deletes each message that is not marked as FAILED."""
    sqs = boto3.client("sqs")
    while not stop.is_set():
        for message in _receive(sqs, queue_url, stop):
            event: Event = {"Records": [_record(message["Body"], message["ReceiptHandle"])]}
            yield event
            if FAILED not in event:
                _delete(sqs, queue_url, message["ReceiptHandle"])


def _record(body: str, receipt: str = "") -> dict[str, str]:
    return {"body": body, "receiptHandle": receipt, "eventSource": "aws:sqs"}


def _receive(sqs: Any, queue_url: str, stop: threading.Event) -> list[Any]:
    try:
        found: list[Any] = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=POLL_S).get("Messages", [])
    except (BotoCoreError, ClientError):
        _log.exception("%s could not be polled", queue_url)
        stop.wait(OUTAGE_PAUSE_S)
        return []
    return found


def _delete(sqs: Any, queue_url: str, receipt: str) -> None:
    try:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)
    except (BotoCoreError, ClientError):
        _log.exception("a message could not be deleted from %s and comes again", queue_url)


#: The source of the events of each handler, by the handler's name in the app.
SOURCES: Mapping[str, Source] = {
    "timer": timer,
    "on_upload": uploads,
    "ends": ends,
}


def drive(name: str, handler: Handler, source: Source, stop: threading.Event) -> None:
    """Calls the handler with one event after the other. Its errors are logged; those of the source are raised."""
    for event in source(stop):
        try:
            handler(event, None)
            _log.info("%s called", name)
        except Exception:  # noqa: BLE001  (whatever a handler raises, Lambda calls it for the next event)
            event[FAILED] = True
            _log.exception("%s failed", name)


def run(handlers: Mapping[str, Handler], sources: Mapping[str, Source], stop: threading.Event) -> None:
    """Calls each handler in a thread of its own until the stop is set, and returns after the last call."""
    loops = [
        Loop(name, functools.partial(drive, name, handlers[name], source, stop), stop)
        for name, source in sources.items()
    ]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()


def main() -> None:
    """Calls the handlers of Hearth's app until SIGTERM."""
    import app  # noqa: PLC0415  (only here: tests import this module with an app of their own)

    die_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run({name: getattr(app, name) for name in SOURCES}, SOURCES, stop)


if __name__ == "__main__":
    main()
