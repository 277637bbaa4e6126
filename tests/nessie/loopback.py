"""A small HTTP server on loopback that answers as a test says, for what a real Nessie cannot be made to do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAIN = b'{"reference":{"type":"BRANCH","name":"main","hash":"0011223344556677"}}'


@dataclass
class Arrival:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


# an answer without status closes the connection instead
Answer = tuple[int | None, dict[str, str], bytes]


@dataclass
class Loopback:
    """The running server: its address, and what has arrived."""

    uri: str = ""
    arrivals: list[Arrival] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Arrival], Answer]) -> Iterator[Loopback]:
    loopback = Loopback()

    class Requests(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            arrival = Arrival(self.command, self.path, dict(self.headers), body)
            loopback.arrivals.append(arrival)
            status, headers, content = answer(arrival)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        loopback.uri = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield loopback
        finally:
            server.shutdown()
            thread.join()
