"""What a message of S3's says, and the queues that the handlers of the app listen to."""

import json

import pytest
from chalicelib import event_sources

from local.events import created


def test_the_keys_of_a_message_come_as_they_were_written_whatever_characters_they_have() -> None:
    [record] = created("bucket", "uploads/t/a b+c é")["Records"]

    assert event_sources.created_keys(record["body"]) == ["uploads/t/a b+c é"]


def test_the_message_by_which_s3_tries_a_queue_speaks_of_no_object() -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-01T00:00:00.000Z", "Bucket": "b"}

    assert event_sources.created_keys(json.dumps(body)) == []


def test_a_queue_has_the_arn_that_the_environment_says_or_else_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_sources.queue("Uploads") == "arn:aws:sqs:::Uploads"

    monkeypatch.setenv("HEARTH_QUEUE_ARN_Uploads", "arn:aws:sqs:eu-central-1:123456789012:u")

    assert event_sources.queue("Uploads") == "arn:aws:sqs:eu-central-1:123456789012:u"
