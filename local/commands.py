"""The commands of `python -m local`: up, down, status, and engine."""

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
from local.signals import StopSignal, held
from local.stack import Options, Stack
from local.state import StateDir
from worker_agent.sandboxes.images import image_name, offered

DOWN_TIMEOUT_S = 90.0


def up(options: Options, stop: StopSignal) -> int:
    """Runs a stack until a stop is requested; raises StackError if it cannot start or go on."""
    try:
        _run(options, stop)
    except StopRequested:
        say("stopped, nothing is left")
    return 0


def _run(options: Options, stop: StopSignal) -> None:
    state = options.state
    with ExitStack() as undo:
        try:
            with held():
                undo.enter_context(state.claimed())
                stack = Stack(options, undo)
                undo.enter_context(_LogKeeper(state, stack))
            say(f"ready {stack.start()}")
            stack.supervisor.watch(lambda: stop.requested)
        finally:
            stop.ignore()


class _LogKeeper:
    """Removes the logs of earlier runs, and at the end this run's; if something failed, it says where they are."""

    def __init__(self, state: StateDir, stack: Stack) -> None:
        self._state = state
        self._stack = stack

    def __enter__(self) -> None:
        self._state.make_logs()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        ended_well = kind in (None, StopRequested) and not self._stack.supervisor.unexpected_exits
        if ended_well or not any(self._state.logs.iterdir()):
            self._state.discard_logs()
        else:
            say(f"the logs are kept in {self._state.logs}")


def down(state: StateDir) -> int:
    """Ends the stack of this directory and removes what a killed one left; raises StackError if it does not end."""
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
    """Removes the containers, files and engine that a stack leaves only if it was killed."""
    removed = containers.remove_all(_engine_of(state), state.stack)
    if removed:
        say(f"removed {removed} containers that a killed stack had left")
    state.clear()
    engine.release_forgotten()


def _engine_of(state: StateDir) -> str:
    """Returns the address of the engine that a directory's stack uses or, if it was killed, has used."""
    recorded = state.recorded()
    return (recorded and recorded.engine) or containers.address()


def status(state: StateDir) -> int:
    """Prints whether a stack runs, where, and how it is; returns 0 if it is ready, else 1."""
    running = state.running()
    if not running or not running.url:
        say(f"starting (pid {running.pid})" if running else "no stack is running: start one with `make up`")
        return 1
    say(f"ready {running.url} (pid {running.pid})")
    say(f"  keys       . {state.env_file}")
    say(f"  logs       {state.logs}")
    say(f"  metrics    {running.metrics_url}")
    say(f"  health     {_health(running.url)}")
    say(f"  sandboxes  {_sandboxes(state)}")
    return 0


def _health(url: str) -> str:
    """Returns what the controller says about itself, in one line."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:  # noqa: S310  (the address is our own)
            return json.dumps(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode(errors='replace')}"
    except OSError as error:
        return f"no answer ({error})"


def _sandboxes(state: StateDir) -> str:
    try:
        return str(containers.count(_engine_of(state), state.stack))
    except StackError as error:
        return f"unknown: {error}"


def with_engine(state: StateDir, command: Sequence[str], stop: StopSignal) -> int:
    """Runs a command while a Docker Engine and the runtime images are there; returns its exit code."""
    with engine.borrowed(lambda note: say(f"Docker Engine: {note}")) as address:
        try:
            _ensure_images(state, address)
            return _run_in_front({**os.environ, "DOCKER_HOST": address}, command)
        finally:
            stop.ignore()


def _ensure_images(state: StateDir, address: str) -> None:
    state.make_logs()
    for runtime in offered():
        with step("image", f"{image_name(runtime)}: building it if it is new") as result:
            images.ensure(address, runtime, state.log("images"), result.append)
    state.discard_logs()
    state.clear()


def _run_in_front(environ: dict[str, str], command: Sequence[str]) -> int:
    """Runs a command with our output and passes a stop on to it, once: a second Ctrl-C would cut its clean-up short."""
    with ExitStack() as undo:
        with held():
            bind = process.bound(signal.SIGINT)
            child = subprocess.Popen(command, env=environ, start_new_session=True, preexec_fn=bind)  # noqa: PLW1509
            undo.callback(child.wait)
            undo.callback(child.send_signal, signal.SIGINT)
        return child.wait()
