"""Answers as much of the engine's API as tells that it is there, where dockerd's options say; ends on SIGTERM."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("_ping") else json.dumps({"ApiVersion": "1.41"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"


def main(options: list[str]) -> None:
    pid_file = Path(options[options.index("--pidfile") + 1])
    socket = options[options.index("--host") + 1].removeprefix("unix://")

    def end(*_: object) -> None:
        pid_file.unlink()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    pid_file.write_text(str(os.getpid()))
    ThreadingUnixStreamServer(socket, Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
