"""The exceptions that end the one-box stack."""


class StackError(Exception):
    """The stack cannot start or continue. The message tells the user what is wrong and what to do about it."""


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM arrived. A BaseException, so that no library's `except Exception` swallows it."""
