"""How the controller reads a row of the ledger."""

import pytest
from chalicelib.invocations.ledger import _row

from shared_lua.contract import fence


@pytest.mark.parametrize(("written", "shown"), [(0, 0), (1, 1), (fence(0, 6), 6), (fence(3, 1), 1), (fence(40, 2), 2)])
def test_callers_see_the_attempt_and_not_how_often_it_was_put_off(written: int, shown: int) -> None:
    item = {
        "invocation_id": {"S": "i-1"},
        "tenant": {"S": "t"},
        "function": {"S": "f"},
        "status": {"S": "running"},
        "attempt": {"N": str(written)},
        "created_us": {"N": "1"},
    }

    assert _row(item).attempt == shown
