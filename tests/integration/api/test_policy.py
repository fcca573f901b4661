"""Policies, as an unmodified boto3 client writes and reads them."""

import json
from typing import Any

import pytest
from chalicelib.errors import PolicyTooLongError
from chalicelib.functions.policy import MAX_POLICY_BYTES
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller

from tests.integration.api.test_lambda_api import create

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def allow(boto: Any, sid: str = "s", **changes: Any) -> Any:
    asked = {
        "FunctionName": "hello",
        "StatementId": sid,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    return json.loads(boto.add_permission(**(asked | changes))["Statement"])


def test_a_statement_is_composed_as_lambda_does(boto: Any) -> None:
    arn = create(boto)["FunctionArn"]

    statement = allow(boto, SourceArn="arn:aws:s3:::bucket", SourceAccount="123456789012")

    assert statement == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    policy = json.loads(boto.get_policy(FunctionName=arn)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/r", {"AWS": "arn:aws:iam::123456789012:role/r"}),
        ("events.amazonaws.com", {"Service": "events.amazonaws.com"}),
    ],
)
def test_a_principal_is_shown_as_what_it_is(boto: Any, asked: str, shown: Any) -> None:
    create(boto)

    assert allow(boto, Principal=asked)["Principal"] == shown


def test_what_is_no_principal_is_refused(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="principal was invalid"):
        allow(boto, Principal="somebody")


def test_an_authentication_type_goes_with_urls_only(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="InvokeFunctionUrl"):
        allow(boto, Principal="*", FunctionUrlAuthType="NONE")


def test_a_statement_id_is_taken_once(boto: Any) -> None:
    create(boto)
    allow(boto)

    with pytest.raises(boto.exceptions.ResourceConflictException, match="already exists"):
        allow(boto)


def test_statements_change_only_over_the_revision_that_was_read(boto: Any) -> None:
    create(boto)
    allow(boto, "a")
    first = boto.get_policy(FunctionName="hello")["RevisionId"]

    allow(boto, "b", RevisionId=first)
    with pytest.raises(boto.exceptions.PreconditionFailedException):
        allow(boto, "c", RevisionId=first)
    with pytest.raises(boto.exceptions.PreconditionFailedException):
        boto.remove_permission(FunctionName="hello", StatementId="a", RevisionId=first)

    policy = json.loads(boto.get_policy(FunctionName="hello")["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["a", "b"]


def test_a_policy_ends_with_its_last_statement(boto: Any) -> None:
    create(boto)
    allow(boto)

    done = boto.remove_permission(FunctionName="hello", StatementId="s")

    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_policy(FunctionName="hello")
    with pytest.raises(boto.exceptions.ResourceNotFoundException, match="Statement s is not found"):
        boto.remove_permission(FunctionName="hello", StatementId="s")


def test_a_policy_has_a_length(boto: Any, hearth: Controller, tenant: IssuedKeys) -> None:
    create(boto)
    allow(boto)
    long_id = "l" * 100
    rest = MAX_POLICY_BYTES - len(boto.get_policy(FunctionName="hello")["Policy"]) - len(',{"Sid":"f","n":""}')
    hearth.functions.policies.add(tenant.tenant, "hello", None, {"Sid": "f", "n": "n" * rest}, None)

    assert len(boto.get_policy(FunctionName="hello")["Policy"]) == MAX_POLICY_BYTES
    with pytest.raises(boto.exceptions.PolicyLengthExceededException):
        allow(boto, long_id)
    boto.remove_permission(FunctionName="hello", StatementId="f")
    with pytest.raises(PolicyTooLongError):
        hearth.functions.policies.add(tenant.tenant, "hello", None, {"Sid": "f", "n": "n" * (rest + 1)}, None)
