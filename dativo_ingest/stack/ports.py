"""Free loopback ports."""

from __future__ import annotations

import random
import socket

from dativo_ingest.stack.errors import StackError

# Below the range that Linux hands out to outgoing connections (32768 and up), so that no client takes a
# port between our look and the server's bind; the gap of 10,000 is what weed's own worker counts on.
_FIRST, _LAST = 12_000, 21_999
PAIR_GAP = 10_000
_TRIES = 400


def is_free(port: int) -> bool:
    """Tell whether a server could bind this port on 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, gap: int = 0) -> list[int]:
    """Return `count` distinct ports that are free, each with the port `gap` above it free too."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(_FIRST, _LAST), _TRIES):
        if len(found) == count:
            return found
        if is_free(port) and is_free(port + gap):
            found.append(port)
    raise StackError(f"Found no {count} free ports from {_FIRST} to {_LAST}; stop some servers and try again.")
