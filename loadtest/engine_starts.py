"""Measures how many sandbox containers a second the Docker Engine alone creates and starts."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from worker_agent.sandboxes import engine
from worker_agent.sandboxes.images import image_name

STACK = "loadtest-starts"
THREADS = 4


def per_s(count: int) -> float:
    """Starts `count` containers, several at a time, and returns how many a second. They are removed afterwards."""
    client = engine.connect()
    options, made = _options(client), list[str]()
    try:
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda _: _start(client, options, made), range(count)))
        return count / (time.perf_counter() - began)
    finally:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda container: client.remove_container(container, force=True), made))


def _options(client: Any) -> dict[str, Any]:
    """Returns the options of a sandbox's container, with `sleep` in the place of a runtime."""
    return {
        "image": image_name("python3.11"),
        "entrypoint": ["sleep", "60"],
        "user": "65534",
        "labels": {"hearth.stack": STACK},
        "network_disabled": True,
        "host_config": client.create_host_config(
            network_mode="none", read_only=True, cap_drop=["ALL"], mem_limit="512m", log_config={"Type": "none"}
        ),
    }


def _start(client: Any, options: dict[str, Any], made: list[str]) -> None:
    container = client.create_container(**options)["Id"]
    made.append(container)
    client.start(container)
