"""The Lambda API, as an unmodified boto3 client sees it."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from chalicelib.tenants.administration import IssuedKeys

from shared_lua.contract import Mode, Outcome, Status
from tests.apigateway import Gateway
from tests.integration.api.conftest import Configure, Deployed, success
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

ROLE = "arn:aws:iam::000000000000:role/any"


def create(boto: Any, name: str = "hello", **changes: Any) -> Any:
    asked = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "main.handler",
        "Code": {"ZipFile": zipped()},
    }
    return boto.create_function(**(asked | changes))


def test_a_function_is_created_as_lambda_would(boto: Any) -> None:
    answer = create(boto, MemorySize=256, Timeout=7, Description="d", Environment={"Variables": {"COLOUR": "red"}})

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["FunctionName"], answer["Handler"], answer["Runtime"]) == ("hello", "main.handler", "python3.11")
    assert (answer["MemorySize"], answer["Timeout"], answer["Role"]) == (256, 7, ROLE)
    assert answer["Environment"] == {"Variables": {"COLOUR": "red"}}
    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped()).digest()).decode()
    assert (answer["CodeSize"], answer["Version"], answer["State"]) == (len(zipped()), "$LATEST", "Active")
    assert answer["FunctionArn"].endswith(":function:hello")
    datetime.strptime(answer["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")


def test_the_waiter_is_content_at_once(boto: Any) -> None:
    create(boto)

    boto.get_waiter("function_active_v2").wait(FunctionName="hello", WaiterConfig={"MaxAttempts": 1})


def test_a_name_taken_is_a_conflict(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.ResourceConflictException) as refused:
        create(boto)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_a_function_is_found_by_name_partial_arn_and_arn(boto: Any) -> None:
    arn = create(boto)["FunctionArn"]
    partial = arn.split(":", 4)[4]

    for reference in ("hello", partial, arn, f"{arn}:$LATEST", "hello:$LATEST"):
        found = boto.get_function(FunctionName=reference)
        assert found["Configuration"]["FunctionArn"] == arn
        assert found["Code"]["RepositoryType"] == "S3"
        assert "X-Amz-Signature" in found["Code"]["Location"]


@pytest.mark.parametrize(
    "reference",
    [
        "nobody",
        "hello:prod",
        "arn:aws:lambda:us-east-1:000000000000:function:hello",
        "arn:aws:lambda:eu-west-1:{account}:function:hello",
    ],
)
def test_what_is_not_there_is_not_found(boto: Any, reference: str) -> None:
    account = create(boto)["FunctionArn"].split(":")[4]
    asked = {"FunctionName": reference.replace("{account}", account)}

    for call in (boto.get_function, boto.delete_function, boto.invoke):
        with pytest.raises(boto.exceptions.ResourceNotFoundException, match="Function not found"):
            call(**asked)


def test_update_and_delete_of_an_unknown_function_say_lambdas_sentence(boto: Any) -> None:
    with pytest.raises(boto.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
        boto.update_function_code(FunctionName="nobody", ZipFile=zipped())


def test_functions_are_listed_in_pages(boto: Any) -> None:
    for name in ("b", "a", "c"):
        create(boto, name)

    pages = list(boto.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))

    assert [[one["FunctionName"] for one in page["Functions"]] for page in pages] == [["a", "b"], ["c"]]


def test_code_is_replaced_and_a_dry_run_replaces_nothing(boto: Any) -> None:
    before = create(boto)
    other = zipped({"main.py": "def handler(event, context): return 2\n"})

    dry = boto.update_function_code(FunctionName="hello", ZipFile=other, DryRun=True)
    after_dry = boto.get_function(FunctionName="hello")["Configuration"]
    real = boto.update_function_code(FunctionName="hello", ZipFile=other, RevisionId=before["RevisionId"])

    assert after_dry["CodeSha256"] == before["CodeSha256"] != dry["CodeSha256"] == real["CodeSha256"]
    assert boto.get_function(FunctionName="hello")["Configuration"]["RevisionId"] == real["RevisionId"]


def test_an_outdated_revision_is_refused(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.PreconditionFailedException):
        boto.update_function_code(FunctionName="hello", ZipFile=zipped(), RevisionId="another")


def test_a_bad_zip_leaves_the_function_as_it_was(boto: Any) -> None:
    before = create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="Could not unzip"):
        boto.update_function_code(FunctionName="hello", ZipFile=b"no zip")

    assert boto.get_function(FunctionName="hello")["Configuration"]["CodeSha256"] == before["CodeSha256"]


def test_delete_removes(boto: Any) -> None:
    create(boto)

    assert boto.delete_function(FunctionName="hello")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_function(FunctionName="hello")


def test_invoke_gives_payload_version_and_log_tail(boto: Any, deployed: Deployed) -> None:
    taken = deployed.serve(success('{"a":  1}'))
    context = base64.b64encode('{"custom":\n {"k": "ü"}}'.encode()).decode()

    answer = boto.invoke(FunctionName="hello", Payload=b"[1]", LogType="Tail", ClientContext=context)

    assert (answer["StatusCode"], answer["Payload"].read()) == (200, b'{"a":  1}')
    assert (answer["ExecutedVersion"], "FunctionError" in answer) == ("$LATEST", False)
    assert base64.b64decode(answer["LogResult"]) == b"START\nREPORT\n"
    assert (taken.result().payload, taken.result().client_context) == ("[1]", '{"custom": {"k": "\\u00fc"}}')


def test_invoke_by_arn_of_a_function_that_fails_is_unhandled(boto: Any, deployed: Deployed, function: Any) -> None:
    deployed.serve(Outcome(status=Status.FAILED, payload='{"errorType":"E"}', error_type="E"))

    answer = boto.invoke(FunctionName=function.json["arn"])

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"]) == {"errorType": "E"}
    assert "LogResult" not in answer


def test_an_event_is_queued_and_answered_at_once(boto: Any, deployed: Deployed) -> None:
    answer = boto.invoke(FunctionName="hello", InvocationType="Event", Payload=b"{}")

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert deployed.worker.take().mode is Mode.ASYNC


def test_a_dry_run_queues_nothing(boto: Any, deployed: Deployed, kept: Callable[[], dict[str, int]]) -> None:
    assert boto.invoke(FunctionName="hello", InvocationType="DryRun")["StatusCode"] == 204

    assert (kept()["messages"], kept()["InvocationsTable"]) == (0, 0)


def test_an_invoke_that_outlives_the_wait_is_a_202(boto: Any, deployed: Deployed, configure: Configure) -> None:
    configure(HEARTH_SYNC_WAIT_S="1")

    assert boto.invoke(FunctionName="hello")["StatusCode"] == 202


@pytest.mark.parametrize("context", ["no base64", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()])
def test_a_bad_client_context_is_refused(boto: Any, deployed: Deployed, context: str) -> None:
    with pytest.raises(boto.exceptions.InvalidRequestContentException, match="ClientContext"):
        boto.invoke(FunctionName="hello", ClientContext=context)


def test_a_wrong_secret_is_an_invalid_signature(gateway: Gateway, tenant: IssuedKeys) -> None:
    client = gateway.client(tenant.access_key_id, tenant.secret_access_key + "x")

    with pytest.raises(client.exceptions.ClientError, match="InvalidSignatureException"):
        client.list_functions()


def test_an_unknown_access_key_is_unrecognized(gateway: Gateway) -> None:
    client = gateway.client("HK0000000000000000AA", "secret")

    with pytest.raises(client.exceptions.ClientError, match="UnrecognizedClientException"):
        client.list_functions()


def test_the_hash_of_an_api_key_is_no_access_key(gateway: Gateway, tenant: IssuedKeys) -> None:
    client = gateway.client(hashlib.sha256(tenant.api_key.encode()).hexdigest(), "secret")

    with pytest.raises(client.exceptions.ClientError, match="UnrecognizedClientException"):
        client.list_functions()


def test_no_secret_is_stored(tenant: IssuedKeys, aws: Any, data: dict[str, str]) -> None:
    stored = json.dumps(aws("dynamodb").scan(TableName=data["CredentialsTable"])["Items"])

    assert tenant.access_key_id in stored
    assert tenant.api_key not in stored
    assert tenant.secret_access_key not in stored
