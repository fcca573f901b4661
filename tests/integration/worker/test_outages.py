"""The agent as a process of its own, while what it needs is away."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import ROOT, RedisServer, free_port
from worker_agent.errors import EngineUnavailableError, ImageMissingError
from worker_agent.sandboxes import engine

REAL_ENGINE = (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://")


@contextmanager
def agent(environ: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "worker_agent"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", action: str) -> dict[str, Any]:
    """Read the agent's log up to a line with this action."""
    assert process.stderr
    for text in process.stderr:
        line: dict[str, Any] = json.loads(text)
        if line["action"] == action:
            return line
    raise AssertionError(f"the agent ended without {action}")


def environ(data: dict[str, str], aws_endpoint: str, redis_url: str, docker_host: str) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws_endpoint,
        "HEARTH_REDIS_URL": redis_url,
        "HEARTH_BUCKET": data["BucketName"],
        "HEARTH_INVOCATIONS_TABLE": data["InvocationsTable"],
        "HEARTH_ITEMS_TABLE": data["ItemsTable"],
        "HEARTH_QUEUE_URL": data["QueueUrl"],
        "HEARTH_POLL_S": "1",
        "DOCKER_HOST": docker_host,
    }


@pytest.mark.docker
@pytest.mark.aws
def test_without_an_engine_the_agent_says_so_and_goes_on_when_it_is_there(
    tmp_path: Path, data: dict[str, str], aws_endpoint: str, redis_server: RedisServer
) -> None:
    path = tmp_path / "engine.sock"
    with agent(environ(data, aws_endpoint, redis_server.url, f"unix://{path}")) as process:
        down = wait_for(process, "engine_down")
        assert "nothing else starts until it answers: the Docker Engine failed to ping" in down["message"]

        path.symlink_to(REAL_ENGINE)  # now it is up

        wait_for(process, "engine_back")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "agent_stopped")
        assert process.wait(30) == 0


@pytest.mark.docker
def test_without_aws_the_agent_says_so_and_goes_on_when_it_is_there(redis_server: RedisServer) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    names = {"BucketName": "b", "InvocationsTable": "t", "ItemsTable": "p"}
    data = {**names, "QueueUrl": f"{url}/123456789012/q"}
    settings = environ(data, url, redis_server.url, f"unix://{REAL_ENGINE}")
    with agent(settings) as process:
        assert (
            "no work can be received: SQS failed to receive from the queue"
            in wait_for(process, "queue_down")["message"]
        )
        server = ThreadedMotoServer(port=port, verbose=False)
        server.start()
        boto3.client("sqs", endpoint_url=url, region_name="us-east-1").create_queue(QueueName="q")

        wait_for(process, "queue_back")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "agent_stopped")
        assert process.wait(30) == 0
        server.stop()


def test_an_environment_that_is_not_complete_is_named_and_ends_the_agent() -> None:
    with agent({"PATH": os.environ["PATH"]}) as process:
        line = wait_for(process, "cannot_start")
        assert process.wait(30) == 2

    assert "HEARTH_QUEUE_URL is not set" in line["message"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_is_away_is_an_error_of_ours(tmp_path: Path) -> None:
    client = docker.APIClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")

    with pytest.raises(EngineUnavailableError, match="failed to ping"):
        engine.Engine(client).ping()
    client.close()
    gc.collect()  # the library leaves the socket it could not connect to the collector: here, not in another test


def test_an_engine_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "hung.sock"))
        silent.listen()
        client = docker.APIClient(base_url=f"unix://{tmp_path}/hung.sock", version="1.41", timeout=1)

        with pytest.raises(EngineUnavailableError, match="timed out"):
            engine.Engine(client).ping()
        client.close()


@pytest.mark.docker
def test_an_image_that_is_missing_is_named_with_the_way_to_build_it(docker_engine: engine.Engine) -> None:
    spec = engine.ContainerSpec("hearth/none:0", 64 << 20, 16, 64, 1 << 20, 1 << 20, 1 << 20, {})

    with pytest.raises(ImageMissingError, match="make images"):
        docker_engine.create(spec)
