"""Many threads, one app, real parts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.apigateway import Gateway
from tests.integration.api.conftest import upload

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def test_of_many_who_create_one_function_at_once_one_wins(gateway: Gateway, key: Key) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload(gateway, key), range(8)))

    statuses = [answer.status for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}


def test_everyone_gets_their_own_function(gateway: Gateway, key: Key) -> None:
    names = [f"f{n}" for n in range(16)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: upload(gateway, key, name), names))

    assert [answer.json["name"] for answer in answers] == names
