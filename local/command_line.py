"""The command line of the one-box stack: `python -m local up`, `down`, `status`, `demo`, `engine -- COMMAND`."""

import argparse
import os
import sys
from pathlib import Path

from local import commands, demo
from local.errors import StackError, StopRequested
from local.progress import say
from local.signals import StopSignal
from local.stack import DEFAULT_PORT, Options
from local.state import ROOT, StateDir

#: The exit code of a program that Ctrl-C has ended.
STOPPED = 130


def main(arguments: list[str]) -> int:
    """Runs the command line and returns its exit code."""
    # A proxy for the outside world must not get what parts of the stack say to each other.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    stop = StopSignal()
    try:
        asked = parse(arguments)
        require_root(asked.command, arguments)
        stop.listen()
        return run(asked, stop)
    except StackError as error:
        say(f"error: {error}")
        return 1
    except StopRequested:
        return STOPPED
    finally:
        stop.ignore()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Returns the parsed command line; ends the process with a usage line if it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Hearth on one machine.")
    parser.add_argument("command", choices=["up", "down", "status", "demo", "engine"])
    parser.add_argument(
        "--port", type=int, help=f"the gateway's port (up); {DEFAULT_PORT} by default, or a free one if that is taken"
    )
    parser.add_argument(
        "--isolated",
        action="store_true",
        help="start a Redis for this stack alone, also if HEARTH_REDIS_URL is set (up)",
    )
    parser.add_argument(
        "--state-dir", type=Path, default=ROOT / ".hearth", help="the directory for keys, logs and the stack's record"
    )
    parser.add_argument("run", nargs="*", metavar="-- COMMAND", help="the command to run while an engine runs (engine)")
    asked = parser.parse_args(arguments)
    if (asked.command == "engine") != bool(asked.run):
        parser.error("a command after `--` goes with `engine`, and only with it: engine -- pytest tests")
    return asked


def require_root(command: str, arguments: list[str]) -> None:
    """Raises StackError unless this is root, who alone may start sandboxes; `status` only looks."""
    if os.geteuid() and command != "status":
        again = " ".join(["sudo -E", sys.executable, "-m local", *arguments])
        raise StackError(f"Only root may start containers and enter their namespaces. Run it as root: {again}")


def run(asked: argparse.Namespace, stop: StopSignal) -> int:
    """Runs the command and returns its exit code."""
    state = StateDir(asked.state_dir)
    match asked.command:
        case "up":
            return commands.up(Options(asked.port, asked.isolated, state), stop)
        case "down":
            return commands.down(state)
        case "status":
            return commands.status(state)
        case "demo":
            return demo.run(state.path.with_name(f"{state.path.name}-demo"), stop)
        case _:
            return commands.with_engine(StateDir(state.path / "engine"), asked.run, stop)
