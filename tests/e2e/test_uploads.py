"""A zip beyond what the gateway lets through, on a whole stack: through the bucket, published, and kept warm."""

import json
import random

import pytest
import urllib3

from shared_lua.contract import MIB
from tests.e2e.conftest import Stack
from tests.waiting import eventually
from tests.zips import HELLO, zipped

pytestmark = pytest.mark.e2e

LARGE = 12 * MIB  #: the gateway takes 10 MB


def test_a_zip_too_large_for_the_gateway_comes_through_the_bucket_and_is_kept_warm(stack: Stack) -> None:
    code = zipped({"main.py": HELLO, "data.bin": random.Random(1).randbytes(LARGE)})
    query = "?runtime=python3.11&handler=main.handler"
    assert stack.call("PUT", f"/functions/weighty{query}", code, content_type="application/zip").status == 413

    asked = {"function": "weighty", "runtime": "python3.11", "handler": "main.handler", "memory_mb": 256}
    begun = stack.call("POST", "/uploads", json.dumps({**asked, "publish": True}).encode())
    assert (begun.status, begun.json()["state"]) == (201, "Pending")
    fields = {**begun.json()["fields"], "file": ("weighty.zip", code, "application/zip")}
    with urllib3.PoolManager() as http:
        assert http.request("POST", begun.json()["url"], fields=fields).status == 204

    boto = stack.boto3()
    boto.get_waiter("function_active_v2").wait(FunctionName="weighty", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert boto.get_function_configuration(FunctionName="weighty", Qualifier="1")["CodeSize"] == len(code)
    boto.put_provisioned_concurrency_config(FunctionName="weighty", Qualifier="1", ProvisionedConcurrentExecutions=2)

    def is_ready() -> bool:
        standing = boto.get_provisioned_concurrency_config(FunctionName="weighty", Qualifier="1")
        assert standing["Status"] != "FAILED", standing
        return bool(standing["Status"] == "READY")

    eventually(is_ready)
    answer = stack.call("POST", "/functions/weighty/invocations?qualifier=1", b'{"n": 1}')
    assert answer.json() == {"n": 1}
    assert stack.record(answer.headers["x-hearth-invocation-id"])["usage"]["cold"] is False
    boto.delete_provisioned_concurrency_config(FunctionName="weighty", Qualifier="1")
