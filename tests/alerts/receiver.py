"""A server that takes alerts, and keeps them; one that answers something else, or nothing."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.running_server import Quiet, Running


class _Handler(Quiet):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append((self.path, json.loads(body)))
        self.server.go.wait(30)
        self.send_response(self.server.status)
        if self.server.status == 307:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()


class Receiver(Running):
    """Keeps what it is sent by path, in order."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any]] = []
        self.status = 200
        self.go = threading.Event()
        self.go.set()
        handler: type[BaseHTTPRequestHandler] = _Handler
        super().__init__(handler)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.taken]
