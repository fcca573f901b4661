"""The first process of a Python sandbox: imports the runtime client, waits to be told what it is, and becomes it.

It runs inside the container as nobody, without network. The agent has bound two abstract sockets and the Runtime API
in this network namespace. Over the control socket comes one assignment: four bytes of length, a JSON object
(`environment`, `handler`, `code_bytes`), then the zip. What goes wrong from there on is told through the Runtime API,
as any start error of a function is.
"""

import io
import json
import os
import socket
import sys
import time
import zipfile

sys.path.append("/opt/hearth/lib")

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

CONTROL = "\0hearth-control"
LOG = "\0hearth-log"
TASK_ROOT = "/var/task"
#: The agent binds its sockets some milliseconds after this process starts; past this it is not coming.
PATIENCE_S = 30.0
RETRY_S = 0.001


def connect(name: str) -> socket.socket:
    """Connect to one of the agent's abstract sockets as soon as it is there."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(name)
            return link
        except OSError:
            link.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(RETRY_S)


def receive(link: socket.socket, size: int) -> bytearray:
    """Read exactly `size` bytes into one buffer: a zip must not be held twice in a small sandbox."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = link.recv_into(view)
        if not got:
            raise SystemExit("the agent went away")
        view = view[got:]
    return data


def unpack(code: bytearray) -> None:
    """Unpack the zip into the sandbox's own mount, as the sandbox's own user, keeping the executable bits."""
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, TASK_ROOT)
            if not entry.is_dir():
                os.chmod(path, 0o755 if entry.external_attr >> 16 & 0o111 else 0o644)


def become(environment: dict[str, str]) -> None:
    """Take on the function's environment, import path and log."""
    os.environ.update(environment)
    extra = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    sys.path[:1] = [TASK_ROOT, *extra]
    sys.argv[:] = [TASK_ROOT]
    with connect(LOG) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def main() -> None:
    """Wait for the assignment, then run AWS's own loop; it never returns."""
    with connect(CONTROL) as control:
        size = int.from_bytes(receive(control, 4), "big")
        assignment = json.loads(receive(control, size))
        code = receive(control, assignment["code_bytes"])
    become(assignment["environment"])
    client = LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"], False)
    try:
        unpack(code)
    except Exception as error:  # noqa: BLE001  (whatever is wrong with the zip, its owner must hear of it)
        message = f"The zip could not be unpacked: {error}"
        client.post_init_error({"errorType": "Runtime.InvalidZipFile", "errorMessage": message, "stackTrace": []})
        sys.exit(1)
    del code
    bootstrap.run(assignment["handler"], client)


main()
