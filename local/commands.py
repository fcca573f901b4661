"""What `python -m local` can do: up, down, status, and the engine for one command; parsing the line is `__main__`'s."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from local import containers, engine, images, process
from local.errors import StackError, StopRequested
from local.progress import say, step
from local.signals import StopSignal
from local.stack import Options, Stack
from local.state import StateDir
from worker_agent.sandboxes.images import image_name, offered

DOWN_TIMEOUT_S = 90.0


def up(options: Options, stop: StopSignal) -> int:
    """Run a stack until a stop is requested; raise StackError when it cannot start or go on."""
    state = options.state
    try:
        with ExitStack() as undo:
            undo.enter_context(state.claimed())
            stack = Stack(options, undo)
            undo.enter_context(_LogKeeper(state, stack))
            url = stack.start()
            state.heartbeat(url, stack.metrics_url)
            say(f"ready {url}")
            stack.supervisor.watch(lambda: stop.requested)
    except StopRequested:
        say("stopped, nothing is left")
    return 0


class _LogKeeper:
    """Clears the logs of earlier runs, and this run's at its end; when something failed it says where they are."""

    def __init__(self, state: StateDir, stack: Stack) -> None:
        self._state = state
        self._stack = stack

    def __enter__(self) -> None:
        self._state.discard_logs()
        self._state.logs.mkdir()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind in (None, StopRequested) and not self._stack.supervisor.deaths:
            self._state.discard_logs()
        else:
            say(f"the logs are kept in {self._state.logs}")


def down(state: StateDir) -> int:
    """End the stack of this directory and whatever a killed one left behind; raise StackError when it does not end."""
    running = state.running()
    if running:
        pid = running.pid
        if not process.stop(pid, DOWN_TIMEOUT_S):
            raise StackError(f"The stack (pid {pid}) has not ended after {DOWN_TIMEOUT_S:.0f} s. Try `kill -9 {pid}`.")
        say(f"stopped the stack (pid {pid})")
    elif state.is_claimed():
        raise StackError(f"A stack is just starting or ending in {state.path}: try again.")
    else:
        say("no stack is running")
    _clear_leftovers(state)
    return 0


def _clear_leftovers(state: StateDir) -> None:
    """Remove what a stack leaves only when it was killed."""
    removed = containers.remove_all(containers.address(), state.stack)
    if removed:
        say(f"removed {removed} containers that a killed stack had left")
    state.clear()
    engine.release_forgotten()


def status(state: StateDir) -> int:
    """Say whether a stack runs, where, and how it does; 0 when it is ready, else 1."""
    running = state.running()
    if not running or not running.url:
        say(f"starting (pid {running.pid})" if running else "no stack is running: start one with `make up`")
        return 1
    say(f"ready {running.url} (pid {running.pid})")
    say(f"  keys       source {state.env_file}")
    say(f"  logs       {state.logs}")
    say(f"  metrics    {running.metrics_url}")
    say(f"  health     {_health(running.url)}")
    found = containers.count(containers.address(), state.stack)
    say(f"  sandboxes  {found}")
    return 0


def _health(url: str) -> str:
    """Give what the controller says about itself, in one line."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:  # noqa: S310  (the address is our own)
            return json.dumps(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode(errors='replace')}"
    except OSError as error:
        return f"no answer ({error})"


def with_engine(state: StateDir, command: Sequence[str]) -> int:
    """Run a command while a Docker Engine and the runtime images are there; give its exit code."""
    with engine.borrowed(lambda note: say(f"Docker Engine: {note}")) as address:
        state.logs.mkdir(parents=True, exist_ok=True)
        for runtime in offered():
            with step("image", f"{image_name(runtime)}: building it if it is new") as result:
                images.ensure(address, runtime, state.log("images"), result.append)
        state.discard_logs()
        state.clear()
        return _run_in_front({**os.environ, "DOCKER_HOST": address}, command)


def _run_in_front(environ: dict[str, str], command: Sequence[str]) -> int:
    """Run a command with our output, and pass a stop on to it, once: a second Ctrl-C would cut its clean-up."""
    bind = process.bound(signal.SIGINT)
    child = subprocess.Popen(command, env=environ, start_new_session=True, preexec_fn=bind)  # noqa: PLW1509
    try:
        return child.wait()
    except StopRequested:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise
