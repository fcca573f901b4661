"""The Lambda API against botocore's own model: what is offered answers as modelled, what is not says so."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib.lambda_api.model import operations
from chalicelib.lambda_api.offered import OFFERED, RUNNING

from tests.apigateway import Gateway

pytestmark = [pytest.mark.aws, pytest.mark.redis]


@pytest.mark.parametrize("name", sorted(operations().keys() - OFFERED.keys() - RUNNING.keys()))
def test_an_operation_that_is_not_offered_answers_501_and_names_itself(
    gateway: Gateway, key: dict[str, str], name: str
) -> None:
    operation = operations()[name]
    path = operation.path.replace("{", "x").replace("}", "x")
    query = "&".join(f"{name}={value}" for name, value in operation.query.items())

    answer = gateway.send(operation.method, f"{path}?{query}", headers=key)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (501, "NotImplementedException")
    assert f"Hearth does not offer {name}." in answer.json["Message"]


def test_boto3_hears_of_it_by_name(boto: Any) -> None:
    with pytest.raises(ClientError, match="does not offer ListEventSourceMappings"):
        boto.list_event_source_mappings()
