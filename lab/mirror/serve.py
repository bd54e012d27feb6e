"""python -m lab.mirror.serve ADDRESS PORT DIRECTORY: the artifact mirror, on that address only."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60


class _Server(ThreadingHTTPServer):
    request_queue_size = 256


if __name__ == "__main__":
    address, port, directory = sys.argv[1:]
    with _Server((address, int(port)), partial(_Handler, directory=directory)) as server:
        server.serve_forever()
