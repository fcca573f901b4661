"""Retries and destinations on a whole stack: an error that is told to a queue, and a success to another function."""

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalicelib.naming import account

from local.stack import TENANT
from tests.e2e.conftest import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

FAILS = "def handler(event, context):\n    raise ValueError('no such luck')\n"
ECHO = "def handler(event, context):\n    return event\n"


def sqs_of(stack: Stack) -> Any:
    """A client of the stack's own AWS stand-in."""
    environ = Path(f"/proc/{stack.child('local.gateway')}/environ").read_bytes().decode().split("\0")
    endpoint = dict(line.partition("=")[::2] for line in environ if line)["AWS_ENDPOINT_URL"]
    return boto3.client("sqs", endpoint_url=endpoint, region_name=stack.keys["HEARTH_REGION"])


def test_an_error_is_tried_again_billed_once_for_both_and_told_to_a_queue(stack: Stack) -> None:
    stack.deploy("unlucky", FAILS)
    sqs, name = sqs_of(stack), f"hearth-to-{account(TENANT)}-{os.getpid()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = {"OnFailure": {"Destination": arn}}
    boto = stack.boto3()
    boto.put_function_event_invoke_config(FunctionName="unlucky", MaximumRetryAttempts=1, DestinationConfig=told)

    accepted = stack.invoke("unlucky", {"n": 1}, Prefer="respond-async")

    record = stack.record(accepted.json()["invocation_id"])
    assert (record["status"], record["tries"], record["outcome"]["error_type"]) == ("failed", 2, "ValueError")
    assert record["charge"]["request_pico_usd"] == 2 * 200_000
    assert record["charge"]["billed_us"] >= record["usage"]["run_us"]
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
    said = json.loads(message["Body"])
    assert said["requestContext"]["requestId"] == record["invocation_id"]
    assert said["requestContext"]["condition"] == "RetriesExhausted"
    assert said["requestContext"]["approximateInvokeCount"] == 2
    assert (said["requestPayload"], said["responsePayload"]["errorType"]) == ({"n": 1}, "ValueError")


def test_a_success_is_told_to_another_function(stack: Stack) -> None:
    stack.deploy("teller", ECHO)
    stack.deploy("listener", "def handler(event, context):\n    print('told of', event['requestPayload'])\n")
    boto = stack.boto3()
    listener = boto.get_function_configuration(FunctionName="listener")["FunctionArn"]
    boto.put_function_event_invoke_config(
        FunctionName="teller", DestinationConfig={"OnSuccess": {"Destination": listener}}
    )

    stack.invoke("teller", {"n": "seven"}, Prefer="respond-async")

    log = stack.state / "logs" / "worker.log"
    line = eventually(
        lambda: next((line for line in log.read_text().splitlines() if "listener succeeded" in line), None)
    )
    record = stack.record(json.loads(line)["invocation_id"])
    assert "told of {'n': 'seven'}" in record["outcome"]["log_tail"]
