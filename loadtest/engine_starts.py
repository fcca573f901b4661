"""Measures how fast the Docker Engine alone creates and starts sandboxes' containers, several at a time."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from worker_agent.sandboxes import engine
from worker_agent.sandboxes.images import image_name

STACK = "loadtest-starts"
THREADS = 4


def per_s(count: int) -> float:
    """Give the starts a second, of `count` containers as a sandbox has them; each is removed afterwards."""
    client = engine.connect()
    spec = {
        "image": image_name("python3.11"),
        "entrypoint": ["sleep", "60"],
        "user": "65534",
        "labels": {"hearth.stack": STACK},
        "network_disabled": True,
        "host_config": client.create_host_config(
            network_mode="none", read_only=True, cap_drop=["ALL"], mem_limit="512m", log_config={"Type": "none"}
        ),
    }
    made: list[str] = []
    try:
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as makers:
            list(makers.map(lambda _: _start(client, spec, made), range(count)))
        return count / (time.perf_counter() - began)
    finally:
        with ThreadPoolExecutor(THREADS) as removers:
            list(removers.map(lambda container: client.remove_container(container, force=True), made))


def _start(client: Any, spec: dict[str, Any], made: list[str]) -> None:
    container = client.create_container(**spec)["Id"]
    made.append(container)
    client.start(container)
