"""A supervisor with two sleeping children: prints their pids, watches, and ends them when it is stopped."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from local.errors import StopRequested
from local.progress import say
from local.signals import StopSignal
from local.supervisor import Child, Program, Supervisor


def main(folder: Path) -> None:
    stop = StopSignal()
    stop.listen()
    supervisor = Supervisor(say)

    def end(child: Child) -> None:
        supervisor.stop(child)
        say(f"ended {child.program.name}")

    try:
        with ExitStack() as undo:
            for name in ("first", "second"):
                program = Program(name, ["sleep", "1000"], dict(os.environ), folder / f"{name}.log")
                child = supervisor.start(program)
                undo.callback(end, child)
                say(f"{child.pid}")
            supervisor.watch(lambda: stop.requested)
    except StopRequested:
        say("stopped")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
