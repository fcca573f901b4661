"""Messages to the app's event handlers, from moto's SQS."""

import threading
import uuid

import boto3
import pytest

from local.events import Event, drive, messages

pytestmark = pytest.mark.aws


def test_a_message_is_deleted_after_its_handler_succeeds_and_kept_when_it_fails(
    aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=uuid.uuid4().hex, Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="told")
    stop = threading.Event()
    seen: list[str] = []

    def fails_once(event: Event, _context: None) -> None:
        seen.append(event["Records"][0]["body"])
        if len(seen) == 1:
            raise ValueError("no")
        stop.set()

    drive("h", fails_once, lambda stop: messages(url, stop), stop)

    assert seen == ["told", "told"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
