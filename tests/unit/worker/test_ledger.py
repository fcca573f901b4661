"""How the ledger goes on when its transaction is cancelled, with a stand-in for DynamoDB."""

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared_lua.contract import Outcome, Settlement, Status
from tests.builders import invocation, version
from worker_agent.errors import AwsUnavailableError, RecordRefusedError
from worker_agent.stores import ledger as module
from worker_agent.stores.ledger import BATCH, MEETINGS, Ledger


class CanceledError(ClientError):  # type: ignore[misc]
    def __init__(self, *codes: str) -> None:
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "no"},
            "CancellationReasons": [{"Code": code} for code in codes],
        }
        super().__init__(response, "TransactWriteItems")


class FakeDynamo:
    """Answers each transaction with the next of what it was told."""

    exceptions = SimpleNamespace(TransactionCanceledException=CanceledError)

    def __init__(self, *answers: CanceledError | None) -> None:
        self.answers = list(answers)
        self.parts: list[str] = []
        self.sizes: list[int] = []
        self.ids: list[str] = []

    def transact_write_items(self, TransactItems: Any) -> None:  # noqa: N803
        self.parts.append(TransactItems[1]["Update"]["Key"]["sort_key"]["S"])
        answer = self.answers.pop(0)
        if answer:
            raise answer


SETTLEMENT = Settlement(
    invocation_id="i", outcome=Outcome(status=Status.SUCCEEDED, payload="1"), attempt=1, settled_at_us=0
)
MEETING = CanceledError("None", "TransactionConflict")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0)


def settle(dynamodb: FakeDynamo) -> bool:
    return Ledger(dynamodb, "invocations", "parts").settle(version(), SETTLEMENT, 0)


def test_a_record_that_met_another_in_its_sums_is_tried_again() -> None:
    dynamodb = FakeDynamo(MEETING, MEETING, None)

    assert settle(dynamodb)

    assert len(dynamodb.parts) == 3
    assert {part[:-1] for part in dynamodb.parts} == {"1970-01-01/f/"}


def test_one_that_meets_others_too_often_is_the_platforms_fault_and_no_record() -> None:
    assert settle(FakeDynamo(*[MEETING] * (MEETINGS - 1), None))
    with pytest.raises(AwsUnavailableError, match="met in one item"):
        settle(FakeDynamo(*[MEETING] * MEETINGS))


def test_large_answers_are_recorded_in_as_many_transactions_as_it_takes() -> None:
    class Counting(FakeDynamo):
        def transact_write_items(self, TransactItems: Any) -> None:  # noqa: N803
            self.sizes.append(len(json.dumps(TransactItems, ensure_ascii=False).encode()))
            self.ids += [item["Put"]["Item"]["invocation_id"]["S"] for item in TransactItems if "Put" in item]

    dynamodb = Counting()
    payload = '"' + "\x01" * 33_000 + '"'
    outcome = Outcome(status=Status.SUCCEEDED, payload=payload, log_tail="\x01" * 4096)
    ids = [f"i-{n}" for n in range(BATCH)]
    ends = [
        (invocation(invocation_id=id_), dataclasses.replace(SETTLEMENT, invocation_id=id_, outcome=outcome))
        for id_ in ids
    ]

    Ledger(dynamodb, "invocations", "parts").record(ends)

    assert dynamodb.ids == ids
    assert max(dynamodb.sizes) < 4_000_000


def test_a_row_that_is_settled_stays_so_whatever_else_was_met() -> None:
    assert not settle(FakeDynamo(CanceledError("ConditionalCheckFailed", "TransactionConflict")))


def test_another_reason_is_told_as_it_is() -> None:
    with pytest.raises(AwsUnavailableError, match="TransactionCanceled"):
        settle(FakeDynamo(CanceledError("ThrottlingError", "None")))
    with pytest.raises(RecordRefusedError, match="TransactionCanceled"):
        settle(FakeDynamo(CanceledError("ValidationError", "None")))
