"""Fixtures for the real parts: one Redis, one AWS stand-in and their data, each started and ended by the test run."""

import functools
import gc
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest
import redis
from hypothesis.configuration import set_hypothesis_home_dir
from moto.server import ThreadedMotoServer

from local.aws_standin import patch_moto
from tests.spread import (  # noqa: F401  (hooks that pytest finds here)
    leave_ctrl_c_to_the_first_process,
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_keyboard_interrupt,
    pytest_xdist_auto_num_workers,
)

ROOT = Path(__file__).resolve().parent.parent

# The suite must not depend on, nor ever talk to, an account of the person who runs it.
for name in [name for name in os.environ if name.startswith(("AWS_", "HEARTH_"))]:
    del os.environ[name]
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")


# A run leaves no file behind, and has a folder that no other run cleans up: what pytest keeps for its tests, and what
# Hypothesis has learnt, which it would keep beside the code.
own = tempfile.TemporaryDirectory(prefix="hearth-tests-")
set_hypothesis_home_dir(f"{own.name}/hypothesis")

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("hearth", deadline=None)
hypothesis.settings.load_profile("hearth")


# Python's collector would walk through all that was imported again and again, for a sixth of the whole run.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    leave_ctrl_c_to_the_first_process(config)
    config.option.basetemp = config.option.basetemp or f"{own.name}/tmp"


def pytest_unconfigure() -> None:
    own.cleanup()


# moto's server logs every request: in a failing test that would bury what matters.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


def free_port() -> int:
    """A port of loopback that nothing listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A redis-server of the test's own, that a test may stop and start again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: run `make setup`"
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.02)
        raise AssertionError("redis-server did not answer within 4 s")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it down for the length of a `with`, whatever happens in there."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real Redis for the session. A test that stops it starts it again."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of a Redis that is empty when the test begins."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The address of moto's server, standing in for AWS."""
    patch_moto()
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def aws(aws_endpoint: str) -> Any:
    """A function that gives a boto3 client by service name; each is made once, which takes longer than most tests."""
    session = boto3.session.Session(region_name="us-east-1")
    return functools.cache(lambda service: session.client(service, endpoint_url=aws_endpoint))


@pytest.fixture
def data(aws: Any) -> dict[str, str]:
    """Bucket, tables and queues of the test's own, made from `infra/data.json`: its outputs by name."""
    return create_data(aws("cloudformation"))


#: moto reads JSON as YAML, which takes longer than many a test, unless it begins with what YAML forbids.
DATA = "\t" + (ROOT / "infra" / "data.json").read_text()


def create_data(cloudformation: Any, visibility_s: int = 30) -> dict[str, str]:
    """Create a stack of `infra/data.json` and give its outputs."""
    name = f"data-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=DATA,
        Parameters=[{"ParameterKey": "VisibilitySeconds", "ParameterValue": str(visibility_s)}],
    )
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
