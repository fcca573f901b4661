"""The first process of a `provided` sandbox: waits to be told what it is, then executes its `bootstrap` instead."""

import os
import signal

import hearth_assignment

BOOTSTRAP = f"{hearth_assignment.TASK_ROOT}/bootstrap"


def main() -> None:
    """Wait for the assignment and become the bootstrap, which speaks to the Runtime API itself; it never returns."""
    environment, _, zips = hearth_assignment.wait()
    hearth_assignment.become(environment)
    hearth_assignment.unpack(zips)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python alone; a program expects to find the defaults
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execv(BOOTSTRAP, [BOOTSTRAP])
    except OSError as error:
        hearth_assignment.refuse("Runtime.InvalidEntrypoint", f"{BOOTSTRAP} cannot be executed: {error.strerror}")


main()
