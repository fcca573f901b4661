"""Takes a sandbox's one assignment and fits the process to it.

It runs inside the container as nobody, without network. The agent binds two abstract sockets and the Runtime API in
this network namespace. Over the control socket comes one assignment: four bytes of length, a JSON object
(`environment`, `handler`, `layer_arns`, `layer_bytes`, `code_bytes`), then the layers' zips in their order, then the
function's own. What goes wrong from there on is told through the Runtime API, as any start error of a function is. Its
name is one no function will import: it stays loaded beside the function.
"""

import gc
import io
import json
import os
import socket
import sys
import time
import zipfile
from collections.abc import Iterator

CONTROL = "\0hearth-control"
LOG = "\0hearth-log"
TASK_ROOT = "/var/task"
LAYER_ROOT = "/opt"
INIT_ERROR = "/2018-06-01/runtime/init/error"
#: The agent binds its sockets some milliseconds after this process starts, so it is asked often at first. A process
#: that still waits after that waits for an agent that is slow or dead, and must not cost the host a core.
FIRST_RETRY_S = 0.001
LAST_RETRY_S = 0.1
SLOWER = 1.02

#: What each zip is, where it goes, and its bytes; in the order they come. The next is read when it is asked for.
Zips = Iterator[tuple[str, str, io.BytesIO]]


def connect(name: str) -> socket.socket:
    """Connect to one of the agent's abstract sockets, however long it takes to be there."""
    retry_s = FIRST_RETRY_S
    while True:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(name)
            return link
        except OSError:
            link.close()
            time.sleep(retry_s)
            retry_s = min(retry_s * SLOWER, LAST_RETRY_S)


def fill(link: socket.socket, view: memoryview) -> None:
    """Read exactly as many bytes as the view has; end the process when the agent is gone."""
    while view:
        got = link.recv_into(view)
        if not got:
            raise SystemExit("the agent went away")
        view = view[got:]


def receive(link: socket.socket, size: int) -> io.BytesIO:
    """Read exactly `size` bytes straight into one file: a zip must not be held twice in a small sandbox."""
    data = io.BytesIO()
    if size:
        data.seek(size - 1)
        data.write(b"\0")
        data.seek(0)
        with data.getbuffer() as view:
            fill(link, view)
    return data


def wait() -> tuple[dict[str, str], str, Zips]:
    """Wait to be told what this sandbox is: environment, handler, zips. To have connected says: ready."""
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection of the function's looks at it again
    control = connect(CONTROL)
    size = int.from_bytes(receive(control, 4).getvalue(), "big")
    assignment = json.loads(receive(control, size).getvalue())
    named = zip(assignment["layer_arns"], assignment["layer_bytes"], strict=True)
    coming = [(f"The layer {arn}", LAYER_ROOT, size) for arn, size in named]
    coming.append(("The zip", TASK_ROOT, assignment["code_bytes"]))
    return assignment["environment"], assignment["handler"], _received(control, coming)


def _received(control: socket.socket, coming: list[tuple[str, str, int]]) -> Zips:
    with control:
        for what, root, size in coming:
            yield what, root, receive(control, size)


def become(environment: dict[str, str]) -> None:
    """Take on the function's environment and log."""
    os.environ.update(environment)
    with connect(LOG) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def unpack(zips: Zips) -> None:
    """Unpack each zip before the next is read: a small sandbox never holds two. One that cannot be is a start error."""
    wrong = ""
    for what, root, data in zips:  # to the end also after an error: the agent listens to nothing until it has sent all
        with data:
            wrong = wrong or _unpack(data, root, what)
    if wrong:
        refuse("Runtime.InvalidZipFile", wrong)


def _unpack(data: io.BytesIO, root: str, what: str) -> str:
    """Unpack one zip into a mount of the sandbox's own, as the sandbox's own user; give what went wrong."""
    try:
        with zipfile.ZipFile(data) as archive:
            for entry in archive.infolist():
                _extract(archive, entry, root)
    except Exception as error:  # noqa: BLE001  (whatever is wrong with the zip, its owner must hear of it)
        return f"{what} could not be unpacked: {error}"
    return ""


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: str) -> None:
    """Keep the executable bits; where the zip was made without any modes, every file may be a program."""
    path = archive.extract(entry, root)
    mode = entry.external_attr >> 16
    if not entry.is_dir():
        os.chmod(path, 0o755 if mode & 0o111 or not mode else 0o644)


def refuse(error_type: str, message: str) -> None:
    """Tell the Runtime API that the function cannot start, and end the process."""
    import http.client  # noqa: PLC0415  (costs an idle sandbox 3 MiB, and is needed only here)

    body = json.dumps({"errorType": error_type, "errorMessage": message, "stackTrace": []})
    link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    link.request("POST", INIT_ERROR, body, {"Lambda-Runtime-Function-Error-Type": error_type})
    link.getresponse().read()
    sys.exit(1)
