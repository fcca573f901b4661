"""Importing the app."""

import subprocess
import sys

PROGRAM = """
import socket
class Alone(socket.socket):
    def connect(self, address): raise SystemExit(f"dialled {address} on import")
socket.socket = Alone
import app
from chalicelib import wiring
print(wiring.controller.cache_info().currsize, "aws_xray_sdk" in __import__("sys").modules)
"""


def test_importing_the_app_dials_nobody_and_builds_nothing() -> None:
    path = ":".join(entry for entry in sys.path if entry)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, check=True, text=True
    )

    assert done.stdout.split() == ["0", "False"]
