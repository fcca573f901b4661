"""Says on which machine something was measured."""

import os
import platform
import sys

from worker_agent.sandboxes import engine


def described() -> str:
    """Returns the names and versions of the kernel, the Docker Engine and Python, and the number of cores."""
    version = engine.connect().version()["Version"]
    return f"{platform.platform()}, {os.cpu_count()} cores, Docker Engine {version}, Python {sys.version.split()[0]}"
