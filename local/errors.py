"""What can end the one-box stack; each message says what is wrong and what to do."""


class StackError(Exception):
    """The stack cannot start, or cannot go on; the message is for the person who started it."""


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM arrived. A BaseException, so that no library's `except Exception` on the way swallows it."""
