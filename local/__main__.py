"""The command line of the one-box stack: `python -m local up`, `down`, `status`, `demo`, `engine -- COMMAND`."""

import argparse
import os
import sys
from pathlib import Path

from local import commands, demo
from local.errors import StackError, StopRequested
from local.progress import say
from local.signals import StopSignal
from local.stack import Options
from local.state import ROOT, StateDir

DEFAULT_PORT = 8400


def parse(arguments: list[str]) -> argparse.Namespace:
    """Give the parsed command line; end the process with a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Hearth on one machine.")
    parser.add_argument("command", choices=["up", "down", "status", "demo", "engine"])
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="where the gateway listens (up)")
    parser.add_argument("--isolated", action="store_true", help="use no Redis that is already there (up)")
    parser.add_argument(
        "--state-dir", type=Path, default=ROOT / ".hearth", help="keys, logs and the record of who runs"
    )
    parser.add_argument("run", nargs="*", metavar="-- COMMAND", help="what to run while an engine is there (engine)")
    asked = parser.parse_args(arguments)
    if (asked.command == "engine") != bool(asked.run):
        parser.error("a command after `--` goes with `engine`, and only with it: engine -- pytest tests")
    return asked


def require_root(arguments: list[str]) -> None:
    """Raise StackError unless this is root: containers, cgroups and network namespaces are root's."""
    if os.geteuid():
        again = " ".join(["sudo -E", sys.executable, "-m local", *arguments])
        raise StackError(f"Only root may start sandboxes and enter their namespaces. Run: {again}")


def run(command: str, asked: argparse.Namespace, stop: StopSignal) -> int:
    """Do what was asked and give the exit code."""
    state = StateDir(asked.state_dir)
    match command:
        case "up":
            return commands.up(Options(asked.port, asked.isolated, state), stop)
        case "down":
            return commands.down(state)
        case "status":
            return commands.status(state)
        case "demo":
            return demo.run(state.path.with_name(f"{state.path.name}-demo"))
        case _:
            return commands.with_engine(StateDir(state.path / "engine"), asked.run)


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code."""
    # A proxy for the outside world must not get what parts of the stack say to each other.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        asked = parse(arguments)
        require_root(arguments)
        stop = StopSignal()
        stop.listen()
        return run(asked.command, asked, stop)
    except StackError as error:
        say(f"error: {error}")
        return 1
    except StopRequested:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
