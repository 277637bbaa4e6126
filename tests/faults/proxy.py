"""A proxy on loopback in front of an HTTP server, which does to chosen requests what networks and servers do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """A request as it came in; `number` counts them from 1."""

    number: int
    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What happens to a request.

    Attributes:
        forward: the server gets it.
        status: the client gets this answer instead of the server's.
        body: of that answer.
        request_bytes: the server gets this many bytes of the request's body, then both sides get a reset; None: all.
        reply_bytes: the client gets this many bytes of the server's answer, then a reset; None: all of it.
        silent: the client gets nothing, and the connection stays open.
        delay: seconds before anything is done.

    """

    forward: bool = True
    status: int | None = None
    body: bytes = b""
    request_bytes: int | None = None
    reply_bytes: int | None = None
    silent: bool = False
    delay: float = 0.0


REFUSE = Fault(forward=False, reply_bytes=0)
BLACK_HOLE = Fault(forward=False, silent=True)
DROP_REPLY = Fault(reply_bytes=0)
LOSE_REPLY = Fault(silent=True)

Rule = Callable[[Request], Fault | None]
Rewrite = Callable[[bytes], bytes]


@dataclass
class Proxy:
    """The running proxy.

    Attributes:
        uri: its address.
        rule: what happens to requests.
        rewrite: what the bodies of the server's answers become.
        requests: what has come in.
        answered: how many of them have got their answer.
        struck: how many met a fault.

    """

    uri: str = ""
    rule: Rule = lambda _: None
    rewrite: Rewrite | None = None
    requests: list[Request] = field(default_factory=list)
    answered: int = 0
    struck: int = 0


def first(count: int, method: str, path: str, fault: Fault) -> Rule:
    """Strike the first `count` requests of a method whose path matches."""
    left = iter(range(count))

    def rule(request: Request) -> Fault | None:
        hit = request.method == method and re.search(path, request.path) and next(left, None) is not None
        return fault if hit else None

    return rule


@contextlib.contextmanager
def proxying(server: str, rule: Rule | None = None, rewrite: Rewrite | None = None) -> Iterator[Proxy]:
    """Run a proxy in front of a server (its URI), in a thread of its own."""
    proxy = Proxy(rewrite=rewrite)
    if rule:
        proxy.rule = rule
    loop = asyncio.new_event_loop()
    host, port = urlsplit(server).hostname, urlsplit(server).port
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _one(proxy, host, port, reader, writer)
        writer.close()
        tasks.discard(task)

    listening = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20))
    proxy.uri = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening, tasks), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(listening: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
    listening.close()
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0)


async def _one(proxy: Proxy, host: Any, port: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one request of a connection; both connections end with its answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    method, path, _version = start.split(" ")
    request = Request(len(proxy.requests) + 1, method, path, headers)
    proxy.requests.append(request)
    fault = proxy.rule(request) or Fault()
    proxy.struck += fault != Fault()
    await asyncio.sleep(fault.delay)
    if "expect" in headers:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _body(reader, headers)
    forwarded = _closing(head, plain=proxy.rewrite is not None)
    if fault.request_bytes is not None:
        await _break_off(host, port, forwarded, body[: fault.request_bytes])
        _reset(writer)
        return
    answer = await _ask(host, port, forwarded, body) if fault.forward else b""
    if proxy.rewrite and answer:
        answer = _rewritten(answer, proxy.rewrite)
    if fault.silent:
        await asyncio.Event().wait()
    if fault.status is not None:
        answer = b"HTTP/1.1 %d Fault\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (
            fault.status,
            len(fault.body),
        )
        answer += fault.body
    writer.write(answer if fault.reply_bytes is None else answer[: fault.reply_bytes])
    await writer.drain()
    proxy.answered += 1
    if fault.reply_bytes is not None:
        _reset(writer)


def _rewritten(answer: bytes, rewrite: Rewrite) -> bytes:
    """An answer with another body, and the length that goes with it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if any(re.match(rb"(?i)transfer-encoding: *chunked", line) for line in lines):
        body = _unchunked(body)
    new = rewrite(body)
    if new == body:
        return answer
    kept = [line for line in lines if not re.match(rb"(?i)(content-length|transfer-encoding):", line)]
    return b"\r\n".join([*kept, b"Content-Length: %d" % len(new), b"", new])


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


def _closing(head: bytes, *, plain: bool) -> bytes:
    """The head of a request after whose answer the server closes, so that the answer's end is known.

    With `plain`, the answer is not to be compressed.
    """
    dropped = rb"(?i)(connection|expect|accept-encoding):" if plain else rb"(?i)(connection|expect):"
    kept = [line for line in head.split(b"\r\n")[:-2] if not re.match(dropped, line)]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    parts = []
    while True:
        size = await reader.readuntil(b"\r\n")
        parts += [size, await reader.readexactly(int(size.split(b";")[0], 16) + 2)]
        if len(parts[-1]) == 2:
            return b"".join(parts)


async def _ask(host: Any, port: Any, head: bytes, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(head + body)
        return await reader.read(-1)
    finally:
        writer.close()


async def _break_off(host: Any, port: Any, head: bytes, body: bytes) -> None:
    """Send a server a part of a request, then nothing more."""
    _, writer = await asyncio.open_connection(host, port)
    writer.write(head + body)
    await writer.drain()
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, as a host that went away does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
