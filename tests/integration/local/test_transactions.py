"""Transactions of the AWS stand-in, which the tests and the one-box stack share."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.aws

Table = tuple[Any, str]


@pytest.fixture
def table(aws: Any, data: dict[str, str]) -> Table:
    return aws("dynamodb"), data["ItemsTable"]


def key(part: str) -> dict[str, dict[str, str]]:
    return {"partition_key": {"S": "o"}, "sort_key": {"S": part}}


def put(table: Table, part: str, condition: str | None = None) -> dict[str, Any]:
    conditional = {"ConditionExpression": condition} if condition else {}
    return {"Put": {"TableName": table[1], "Item": key(part), **conditional}}


def adds(table: Table, part: str, **changes: Any) -> dict[str, Any]:
    values = {":one": {"N": "1"}}
    update = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": values, **changes}
    return {"Update": {"TableName": table[1], "Key": key(part), **update}}


def transact(table: Table, *acts: dict[str, Any]) -> list[str]:
    """Do it; give the codes of the reasons when it is cancelled."""
    try:
        table[0].transact_write_items(TransactItems=list(acts))
    except ClientError as error:
        return [reason["Code"] for reason in error.response["CancellationReasons"]]
    return []


def stored(table: Table) -> dict[str, dict[str, Any]]:
    condition, values = "#partition = :o", {":o": {"S": "o"}}
    names = {"#partition": "partition_key"}
    items = table[0].query(
        TableName=table[1],
        KeyConditionExpression=condition,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )["Items"]
    return {item["sort_key"]["S"]: item for item in items}


def test_two_acts_on_one_item_are_refused(table: Table) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        table[0].transact_write_items(TransactItems=[put(table, "a"), adds(table, "a")])

    assert stored(table) == {}


def test_conditions_hold_for_every_kind_of_act(table: Table) -> None:
    transact(table, put(table, "there"))
    absent = {"ConditionExpression": "attribute_exists(sort_key)"}

    for act in (
        put(table, "there", "attribute_not_exists(sort_key)"),
        adds(table, "nobody", **absent),
        {"Delete": {"TableName": table[1], "Key": key("nobody"), **absent}},
        {"ConditionCheck": {"TableName": table[1], "Key": key("nobody"), **absent}},
    ):
        assert transact(table, put(table, "new"), act) == ["None", "ConditionalCheckFailed"]
        assert stored(table).keys() == {"there"}

    held = {"ConditionCheck": {"TableName": table[1], "Key": key("there"), **absent}}
    assert transact(table, put(table, "new"), adds(table, "sum"), held) == []
    assert stored(table).keys() == {"there", "new", "sum"}


def test_a_transaction_that_is_cancelled_undoes_nobody_elses_writes(table: Table) -> None:
    transact(table, put(table, "there"))
    for first in range(0, 1000, 25):  # a full table, so that a copy of it would take long
        rows = [
            {"PutRequest": {"Item": {**key(str(n)), "partition_key": {"S": "others"}}}}
            for n in range(first, first + 25)
        ]
        table[0].batch_write_item(RequestItems={table[1]: rows})

    def write(n: int) -> None:
        if n % 2:
            assert transact(table, put(table, f"lost-{n}"), put(table, "there", "attribute_not_exists(sort_key)"))
        elif n % 4:
            assert transact(table, put(table, f"kept-{n}"), adds(table, "sum")) == []
        else:
            table[0].put_item(TableName=table[1], Item=key(f"kept-{n}"))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(200)))

    found = stored(table)
    assert found.keys() == {"there", "sum"} | {f"kept-{n}" for n in range(0, 200, 2)}
    assert found["sum"]["n"] == {"N": "50"}
