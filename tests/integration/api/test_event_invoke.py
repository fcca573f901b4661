"""What is done about asynchronous calls: as an unmodified boto3 client says it, and as admission then does it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalicelib.naming import account
from chalicelib.wiring import Controller

from shared_lua.contract import Invocation
from tests.apigateway import Gateway
from tests.integration.api.conftest import Configure, Worker
from tests.integration.api.test_lambda_api import create

pytestmark = [pytest.mark.aws, pytest.mark.redis]

QUEUE = f"arn:aws:sqs:us-east-1:123456789012:hearth-to-{account('acme')}-ends"
ARN = f"arn:aws:lambda:us-east-1:{account('acme')}:function:hello"


def put(boto: Any, **asked: Any) -> Any:
    return boto.put_function_event_invoke_config(**({"FunctionName": "hello"} | asked))


def told(**arns: str) -> dict[str, Any]:
    """A DestinationConfig."""
    return {"DestinationConfig": {member: {"Destination": arn} for member, arn in arns.items()}}


def invoked(boto: Any, worker: Worker, **asked: Any) -> Invocation:
    boto.invoke(**({"FunctionName": "hello", "InvocationType": "Event"} | asked))
    return worker.take()


def age_s(invocation: Invocation) -> float:
    return (invocation.start_by_us - invocation.admitted_at_us) / 1_000_000


def test_a_configuration_is_set_read_changed_and_removed_as_on_lambda(boto: Any) -> None:
    create(boto)

    made = put(boto, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60, **told(OnFailure=QUEUE))

    assert made["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert made["FunctionArn"] == f"{ARN}:$LATEST"
    assert (made["MaximumRetryAttempts"], made["MaximumEventAgeInSeconds"]) == (1, 60)
    assert made["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
    assert abs(made["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)
    shown = boto.get_function_event_invoke_config(FunctionName=ARN, Qualifier="$LATEST")
    assert shown["DestinationConfig"] == made["DestinationConfig"]

    changed = boto.update_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=0)
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (0, 60)
    assert changed["DestinationConfig"] == made["DestinationConfig"]

    replaced = put(boto, MaximumEventAgeInSeconds=21_600)
    assert "MaximumRetryAttempts" not in replaced
    assert replaced["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}

    assert boto.delete_function_event_invoke_config(FunctionName="hello")["ResponseMetadata"]["HTTPStatusCode"] == 204
    for operation in (boto.get_function_event_invoke_config, boto.delete_function_event_invoke_config):
        with pytest.raises(boto.exceptions.ResourceNotFoundException, match="doesn't have an EventInvokeConfig"):
            operation(FunctionName="hello")
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.update_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=0)


@pytest.mark.parametrize(
    ("member", "edge_and_past"),
    [
        ("MaximumRetryAttempts", (0, -1)),
        ("MaximumRetryAttempts", (2, 3)),
        ("MaximumEventAgeInSeconds", (60, 59)),
        ("MaximumEventAgeInSeconds", (21_600, 21_601)),
    ],
)
def test_every_number_is_taken_at_its_edge_and_refused_past_it(
    boto: Any, gateway: Gateway, key: dict[str, str], member: str, edge_and_past: tuple[int, int]
) -> None:
    edge, past = edge_and_past
    create(boto)

    assert put(boto, **{member: edge})[member] == edge
    body = json.dumps({member: past}).encode()  # boto3 would not send it
    refused = gateway.send("PUT", "/2019-09-25/functions/hello/event-invoke-config", body, key)

    assert (refused.status, refused.headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
    assert refused.json["Message"].startswith(f"{member} must be ")


def test_a_configuration_of_nothing_is_refused(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="at least one"):
        put(boto)


def test_a_queue_gets_a_tenants_ends_only_if_its_name_says_that_it_is_for_this_tenant(boto: Any) -> None:
    create(boto)
    others = [f"hearth-to-{account('stranger')}-ends", f"hearth-to-{account('acme')}", "orders", "data-Durable-1"]

    assert put(boto, **told(OnSuccess=QUEUE))["DestinationConfig"]["OnSuccess"]["Destination"] == QUEUE
    for name in others:
        with pytest.raises(
            boto.exceptions.InvalidParameterValueException, match="not yours to name: call it hearth-to"
        ):
            put(boto, **told(OnSuccess=f"arn:aws:sqs:us-east-1:123456789012:{name}"))


def test_hearths_own_queues_are_refused_whatever_they_are_called(configure: Configure, boto: Any) -> None:
    name = QUEUE.rpartition(":")[2]
    configure(HEARTH_COMPLETION_QUEUE_URL=f"http://sqs/123456789012/{name}")
    create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="not yours"):
        put(boto, **told(OnSuccess=QUEUE))


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        ("arn:aws:sns:us-east-1:123456789012:topic", "SNS, EventBridge and Kafka are reached from a function"),
        ("arn:aws:s3:::bucket", "not offered"),
        ("arn:aws:events:us-east-1:123456789012:event-bus/default", "not offered"),
        (f"{QUEUE}.fifo", "not FIFO"),
        (QUEUE.replace("us-east-1", "eu-west-1"), "must be in us-east-1"),
        (f"{ARN}-absent", "you have no such function"),
        (f"{ARN}:live", "you have no such function"),
        (f"arn:aws:lambda:us-east-1:{account('stranger')}:function:hello", "you have no such function"),
        ("arn:aws:lambda:us-east-1:123456789012:layer:x:1", "you have no such function"),
    ],
)
def test_what_is_no_destination_here_is_refused_with_the_reason_and_changes_nothing(
    boto: Any, arn: str, why: str
) -> None:
    create(boto)
    put(boto, MaximumRetryAttempts=1)

    for change in (put, lambda boto, **asked: boto.update_function_event_invoke_config(FunctionName="hello", **asked)):
        with pytest.raises(boto.exceptions.InvalidParameterValueException, match=why):
            change(boto, **told(OnFailure=arn))

    shown = boto.get_function_event_invoke_config(FunctionName="hello")
    assert (shown["MaximumRetryAttempts"], shown["DestinationConfig"]["OnFailure"]) == (1, {})


def test_a_destination_may_be_a_function_or_one_of_its_aliases(boto: Any) -> None:
    create(boto)
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="$LATEST")

    made = put(boto, **told(OnSuccess=ARN, OnFailure=f"{ARN}:live"))

    assert made["DestinationConfig"]["OnFailure"] == {"Destination": f"{ARN}:live"}


def test_a_destination_named_without_an_arn_is_taken_away(boto: Any) -> None:
    create(boto)
    put(boto, **told(OnSuccess=QUEUE, OnFailure=QUEUE))

    changed = boto.update_function_event_invoke_config(FunctionName="hello", DestinationConfig={"OnSuccess": {}})

    assert changed["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}


def test_each_qualifier_has_its_own_and_a_listing_pages_through_them(boto: Any) -> None:
    create(boto)
    for n, name in enumerate(("blue", "live")):
        boto.create_alias(FunctionName="hello", Name=name, FunctionVersion="$LATEST")
        put(boto, Qualifier=name, MaximumRetryAttempts=n)
    put(boto, MaximumRetryAttempts=2)

    found: list[tuple[str, int]] = []
    marker: dict[str, str] = {}
    for _ in range(4):
        page = boto.list_function_event_invoke_configs(FunctionName="hello", MaxItems=1, **marker)
        found += [(one["FunctionArn"], one["MaximumRetryAttempts"]) for one in page["FunctionEventInvokeConfigs"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}

    assert found == [(f"{ARN}:$LATEST", 2), (f"{ARN}:blue", 0), (f"{ARN}:live", 1)]
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        put(boto, Qualifier="absent", MaximumRetryAttempts=1)


def test_what_is_not_configured_is_tried_three_times_within_six_hours_and_nobody_is_told(
    boto: Any, worker: Worker
) -> None:
    create(boto)

    invocation = invoked(boto, worker)

    assert (invocation.retries, age_s(invocation)) == (2, 21_600)
    assert (invocation.on_success, invocation.on_failure, invocation.chain) == (None, None, 0)


def test_the_next_call_gets_what_is_configured_and_the_one_after_a_change_the_change(boto: Any, worker: Worker) -> None:
    create(boto)
    assert invoked(boto, worker).retries == 2  # and is remembered

    put(boto, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60, **told(OnFailure=QUEUE))
    configured = invoked(boto, worker)
    assert (configured.retries, age_s(configured), configured.on_failure) == (1, 60, QUEUE)
    boto.update_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=0)
    assert invoked(boto, worker).retries == 0
    boto.delete_function_event_invoke_config(FunctionName="hello")
    assert (invoked(boto, worker).retries, age_s(invoked(boto, worker))) == (2, 21_600)


def test_a_call_by_alias_gets_the_aliases_configuration(boto: Any, worker: Worker) -> None:
    create(boto)
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="$LATEST")
    put(boto, Qualifier="live", MaximumRetryAttempts=0)

    assert invoked(boto, worker, Qualifier="live").retries == 0
    assert invoked(boto, worker).retries == 2


def test_as_long_as_nothing_changes_the_configuration_is_not_read_again(
    boto: Any, worker: Worker, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(boto)
    put(boto, MaximumRetryAttempts=1)
    invoked(boto, worker)
    items = type(hearth.functions.event_invokes.items)
    monkeypatch.setattr(items, "find", lambda *_: pytest.fail("the table of parts was read"))

    assert invoked(boto, worker).retries == 1


def test_a_deleted_functions_configuration_is_not_the_next_ones_of_its_name(boto: Any, worker: Worker) -> None:
    create(boto)
    put(boto, MaximumRetryAttempts=0)
    boto.delete_function(FunctionName="hello")
    create(boto)

    assert invoked(boto, worker).retries == 2
