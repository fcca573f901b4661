"""Runs the agent: `python -m worker_agent`. Settings come from the environment; SIGTERM and SIGINT drain it.

It exits with 0 after a drain, 2 when it cannot start, and threads.EXIT_CODE when a background thread cannot go on.
"""

import os
import signal
import sys

from worker_agent import log, wiring
from worker_agent.config import ConfigError
from worker_agent.errors import PlatformError


def main() -> int:
    """Run the agent until a signal stops it; return the exit code."""
    log.configure()
    try:
        agent = wiring.build(os.environ)
    except (ConfigError, PlatformError) as error:
        log.warn("cannot_start", str(error))
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
