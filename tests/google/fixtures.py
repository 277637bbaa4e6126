"""The loopback Google of one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.google.server import Google


@pytest.fixture
def google() -> Iterator[Google]:
    """A loopback Google without documents."""
    server = Google()
    yield server
    server.stop()
