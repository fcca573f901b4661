"""A function URL over real HTTP, and the clock that schedules go by, on a whole stack."""

import json
import urllib.request

import pytest

from tests.e2e.conftest import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

PICTURE = (
    "import base64\n"
    "def handler(event, context):\n"
    "    seen = base64.b64decode(event['body']) + event['rawPath'].encode()\n"
    "    body = base64.b64encode(b'\\x89' + seen).decode()\n"
    "    headers = {'Content-Type': 'image/png', 'X-Method': event['requestContext']['http']['method']}\n"
    "    cookies = ['a=1', 'b=2']\n"
    "    return {'statusCode': 201, 'headers': headers, 'cookies': cookies, 'body': body, 'isBase64Encoded': True}\n"
)


def test_a_function_url_carries_bytes_both_ways_for_a_stranger(stack: Stack) -> None:
    stack.deploy("picture", PICTURE)
    boto = stack.boto3()
    url = boto.create_function_url_config(FunctionName="picture", AuthType="NONE")["FunctionUrl"]
    boto.add_permission(
        FunctionName="picture",
        StatementId="everybody",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )

    request = urllib.request.Request(f"{url}a/b", b"\xff\x00", {"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body, headers = answer.read(), answer.headers

    assert url.startswith(stack.keys["HEARTH_URL"])
    assert (answer.status, body) == (201, b"\x89\xff\x00/a/b")
    assert (headers["content-type"], headers["x-method"]) == ("image/png", "POST")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_the_clock_calls_the_controller_and_leaves_what_is_not_due(stack: Stack) -> None:
    stack.deploy("clockwork", "def handler(event, context):\n    return event\n")
    asked = json.dumps({"expression": "rate(1 day)"}).encode()
    made = stack.call("PUT", "/functions/clockwork/schedules/daily", asked)
    log = stack.state / "logs" / "events.log"
    before = len(log.read_text())  # other tests had parts of the stack down, and the timer failed

    def told() -> str:
        return log.read_text()[before:]

    eventually(lambda: told().count("timer called") > 1)

    assert made.status == 201
    assert "timer failed" not in told()
    shown = stack.call("GET", "/functions/clockwork/schedules/daily").json()
    assert shown["next"] == made.json()["next"]
