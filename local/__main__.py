"""Runs the command line of the one-box stack; it imports nothing else before Ctrl-C is handled."""

import sys

from local import signals

if __name__ == "__main__":
    signals.end_at_once()
    from local.command_line import main

    sys.exit(main(sys.argv[1:]))
