"""Stands in for AWS: moto's server application behind a server that keeps connections alive; it persists nothing."""

import functools
import sys
from typing import Any

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import queue_policy  # noqa: F401  (registers itself with moto)
from local.process import die_with_parent
from local.serve import serve
from local.transactions import mend

#: Every long poll of SQS holds one thread; there must always be some left for everything else.
THREADS = 128


def mend_moto() -> None:
    """Mend moto in this process: its transactions, and that it looks its own folders up at every request."""
    mend()
    folders = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = functools.partial(list, folders)


def application() -> Any:
    """Give moto's WSGI application."""
    die_with_parent()
    mend_moto()
    return DomainDispatcherApplication(create_backend_app)


if __name__ == "__main__":
    serve("local.aws_standin:application", int(sys.argv[1]), THREADS)
