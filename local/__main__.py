"""Runs the command line of the one-box stack. It imports nothing else before it can be stopped."""

import sys

from local import signals

if __name__ == "__main__":
    signals.end_at_once()
    try:
        from local.command_line import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: the Python package {error.name} is not installed: run `make setup`")

    sys.exit(main(sys.argv[1:]))
