"""A stack for one benchmark: started for it, filled by it, taken down after it; it measures nothing."""

import dataclasses
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3

from loadtest.benches.workload import zipped
from local import ports
from local.errors import StackError
from local.stack import Options, Stack
from local.state import StateDir, parse_env
from shared_lua import keys
from shared_lua.contract import Version, decode, encode
from worker_agent.stores import redis_adapter

#: Every load comes from one address, which the limit of an address would otherwise meet before a tenant's.
SETTINGS = {"HEARTH_ADDRESS_RATE_PER_S": "100000", "HEARTH_ADDRESS_BURST": "100000", "NO_PROXY": "127.0.0.1"}
#: Some seconds of noops leave as many thousand records; the stand-in takes a few hundred a second.
RECORDED_S = 120.0
#: DynamoDB takes no more rows at once.
BATCH = 25
NOOP = "noop"
#: As its CPU goes with it, enough that none of the loads here is held up by it.
MEMORY_MB = 512


@dataclasses.dataclass(frozen=True)
class OwnStack:
    """A running stack: its address, its admin key, and what its parts know of each other."""

    url: str
    admin_key: str
    environ: Mapping[str, str]

    def tenant(self, name: str, **limits: int) -> str:
        """Make a tenant with these limits and a function `noop`, and give its API key."""
        made = self._put(f"/tenants/{name}", self.admin_key, json.dumps(limits).encode(), "application/json")
        key = str(made["keys"]["api_key"])
        wanted = f"runtime=python3.11&handler=main.handler&memory_mb={MEMORY_MB}&timeout_s=10"
        self._put(f"/functions/{NOOP}?{wanted}", key, zipped(), "application/zip")
        return key

    def fill(self, tenant: str, functions: int) -> None:
        """Give a tenant this many functions beside its `noop`, all alike: row by row into the table, as no API would.

        Through the API it would take minutes, and be a benchmark of uploads.
        """
        table, dynamodb = self.environ["HEARTH_FUNCTIONS_TABLE"], self._dynamodb()
        row = dynamodb.get_item(TableName=table, Key=_key(tenant, NOOP))["Item"]
        rows = [_renamed(row, tenant, f"f{number:05}") for number in range(functions)]
        for first in range(0, functions, BATCH):
            puts = [{"PutRequest": {"Item": one}} for one in rows[first : first + BATCH]]
            left = dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]
            assert not left, f"the table did not take {left}"  # noqa: S101  (moto takes them all)

    def wait_recorded(self) -> None:
        """Wait until the ledger has what ran: what one load leaves to be written is not to slow the next one down.

        Raises StackError when it never has: the worker is gone.
        """
        until_s = time.monotonic() + RECORDED_S
        with redis_adapter.connect(self.environ["HEARTH_REDIS_URL"]) as client:
            while left := client.xlen(keys.records()):
                if time.monotonic() > until_s:
                    raise StackError(f"{left} records are not in the ledger after {RECORDED_S:.0f} s")
                time.sleep(0.1)

    def _put(self, path: str, key: str, body: bytes, content_type: str) -> Any:
        headers = {"x-api-key": key, "content-type": content_type}
        request = urllib.request.Request(self.url + path, body, headers, method="PUT")  # noqa: S310  (it is our own)
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

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
    """Give a stack that lives as long as the `with`, however that ends; raise StackError when it does not start."""
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
    """Give the row of a function like another one, under its own name."""
    version = decode(Version, row["version"]["S"])
    arn = version.arn.removesuffix(version.function) + name
    renamed = dataclasses.replace(version, function=name, arn=arn)
    return {**row, **_key(tenant, name), "version": {"S": encode(renamed)}}
