"""What the loopback servers of metadata catalogs share: JSON in, JSON out, what was asked, and faults to come."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.running_server import Quiet, Running

Json = dict[str, Any]
Answer = tuple[int, Json | None]


class Asked(Exception):
    """A request is answered with a status, before anything else is looked at."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(status, words)
        self.status = status
        self.words = words


class Serving(Running):
    """A server; `asked` is method, path and body of each request, `statuses` are the answers to the next ones."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Json]] = []
        self.statuses: list[int] = []
        self.lock = threading.Lock()
        super().__init__(_Handler)

    def changes(self) -> list[tuple[str, str]]:
        """What was asked to be changed, in order."""
        return [(method, path) for method, path, _ in self.asked if method != "GET"]

    def answer(self, method: str, path: str, query: dict[str, str], body: Json, headers: Any) -> Answer:
        raise NotImplementedError


class _Handler(Quiet):
    server: Serving

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        with self.server.lock:
            self.server.asked.append((self.command, path, body))
            try:
                status, found = self._answer(path, dict(parse_qsl(parts.query)), body)
            except Asked as error:
                status, found = error.status, {"code": error.status, "message": f"{error.words}; a canary"}
        data = b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, path: str, query: dict[str, str], body: Json) -> Answer:
        if self.server.statuses:
            raise Asked(self.server.statuses.pop(0))
        return self.server.answer(self.command, path, query, body, self.headers)

    do_GET = do_POST = do_PUT = do_PATCH = _serve
