"""A stack of `bench-api`'s own: started, filled with tenants and functions, and taken down. It measures nothing."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3

from loadtest.benches.workload import zipped
from loadtest.client import Client
from local import ports
from local.errors import StackError
from local.stack import Options, Stack
from local.state import StateDir, parse_env
from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Version
from worker_agent.stores import redis_adapter

#: Every request comes from one address, whose limit would otherwise refuse requests before a tenant's limit does.
SETTINGS = {"HEARTH_ADDRESS_RATE_PER_S": "100000", "HEARTH_ADDRESS_BURST": "100000", "NO_PROXY": "127.0.0.1"}
#: Some seconds of noops leave as many thousand records; the AWS stand-in writes a few hundred a second.
RECORDED_S = 120.0
#: The most rows that DynamoDB takes in one batch.
BATCH = 25
NOOP = "noop"
#: CPU goes with memory: enough that no request here is held up by its function's CPU limit.
MEMORY_MB, TIMEOUT_S = 512, 10


@dataclasses.dataclass(frozen=True)
class OwnStack:
    """A running stack. `environ` is what its parts know: where Redis and AWS are, and the tables' names."""

    url: str
    admin_key: str
    environ: Mapping[str, str]

    def tenant(self, name: str, **limits: int) -> str:
        """Creates a tenant with these limits and a function `noop`, and returns its API key."""
        key = Client(self.url, self.admin_key).make_tenant(name, limits)
        Client(self.url, key).deploy(NOOP, zipped(), memory_mb=MEMORY_MB, timeout_s=TIMEOUT_S)
        return key

    def fill(self, tenant: str, functions: int) -> None:
        """Gives a tenant this many more functions, all like its `noop`, by writing their rows into the table.

        Through the API it would take minutes.
        """
        table, dynamodb = self.environ["HEARTH_FUNCTIONS_TABLE"], self._dynamodb()
        row = dynamodb.get_item(TableName=table, Key=_key(tenant, NOOP))["Item"]
        rows = [_renamed(row, tenant, f"f{number:05}") for number in range(functions)]
        for first in range(0, functions, BATCH):
            puts = [{"PutRequest": {"Item": one}} for one in rows[first : first + BATCH]]
            left = dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]
            assert not left, f"the table did not take {left}"  # noqa: S101  (moto takes every row)

    def wait_recorded(self) -> None:
        """Waits until all records are in the ledger, so that writing those of one round does not slow down the next.

        Raises StackError when they never are: the worker is gone.
        """
        until_s = time.monotonic() + RECORDED_S
        with redis_adapter.connect(self.environ["HEARTH_REDIS_URL"]) as client:
            while left := client.xlen(keys.records()):
                if time.monotonic() > until_s:
                    raise StackError(f"{left} records are not in the ledger after {RECORDED_S:.0f} s")
                time.sleep(0.1)

    def _dynamodb(self) -> Any:
        return boto3.client(
            "dynamodb",
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            region_name=self.environ["AWS_REGION"],
            aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def own_stack() -> Iterator[OwnStack]:
    """Runs a stack for the length of a `with`. Raises StackError when it does not start."""
    os.environ.update(SETTINGS)
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder, ExitStack() as undo:
        state = StateDir(Path(folder) / "state")
        undo.enter_context(state.claimed())
        state.logs.mkdir()
        stack = Stack(Options(ports.free_port(), isolated=True, state=state), undo)
        url = stack.start()
        admin_key = parse_env(state.env_file.read_text())["HEARTH_ADMIN_KEY"]
        yield OwnStack(url, admin_key, stack.environ)


def _key(tenant: str, name: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.function_row(tenant, name).items()}


def _renamed(row: Mapping[str, Any], tenant: str, name: str) -> dict[str, Any]:
    """Returns the row of a function that is like another one, but for its name."""
    version = decode(Version, row["version"]["S"])
    arn = version.arn.removesuffix(version.function) + name
    renamed = dataclasses.replace(version, function=name, arn=arn)
    return {**row, **_key(tenant, name), "version": {"S": encode(renamed)}}
