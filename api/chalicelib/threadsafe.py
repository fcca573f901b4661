"""Chalice's app object made safe for threads: the request and its context belong to the thread that serves it."""

import threading
from typing import Any

from chalice.app import Chalice


class ThreadSafeChalice(Chalice):
    """A Chalice app whose `current_request` and `lambda_context` are the calling thread's own.

    The stock app keeps both in plain attributes: with threads, one caller reads another's body.
    """

    def __init__(self, app_name: str) -> None:
        self._own = threading.local()
        # Logs go where the process sends them; Chalice would put its own handler on stdout and drop warnings.
        super().__init__(app_name, configure_logs=False)

    @property
    def current_request(self) -> Any:
        """The request that this thread serves."""
        return getattr(self._own, "request", None)

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._own.request = request

    @property
    def lambda_context(self) -> Any:
        """The Lambda context of the request that this thread serves."""
        return getattr(self._own, "context", None)

    @lambda_context.setter
    def lambda_context(self, context: Any) -> None:
        self._own.context = context
