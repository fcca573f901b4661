"""Stands in for AWS: serves moto over connections that stay open, and keeps everything in memory."""

import functools
import sys
from typing import Any

from moto import backends
from moto.core import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import queue_policy, transactions  # noqa: F401  (the first registers itself with moto)
from local.process import die_with_parent
from local.serve import serve

#: Each SQS long poll holds a thread, and other calls need threads too.
THREADS = 128


def patch_moto() -> None:
    """Patches moto in this process: its transactions, and three look-ups that it repeats for every request."""
    transactions.patch()
    folders = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = functools.partial(list, folders)
    for name in ("method_names_from_class", "camelcase_to_underscores"):
        setattr(responses, name, functools.cache(getattr(responses, name)))


def application() -> Any:
    """Returns moto's WSGI application."""
    die_with_parent()
    patch_moto()
    return DomainDispatcherApplication(create_backend_app)


if __name__ == "__main__":
    serve("local.aws_standin:application", int(sys.argv[1]), THREADS)
