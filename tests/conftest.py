"""Fixtures for all tests: a clean environment, the target in a child process that costs no imports, its tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dativo.warm_python import programs, use
from tests.readback import Tables
from tests.target.running import Ended, Server, Target

Load = Callable[..., Ended]
PREFIXES = (
    *("TARGET_DATIVO", "TAP_", "MAPPER_", "MELTANO", "AWS_", "DATIVO", "NESSIE"),
    *("OTEL_", "OPENLINEAGE", "TRACEPARENT"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what may take longest first: at the end workers share what is left, and only short tests share well."""
    longest: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        seconds = float(limit.args[0]) if limit and limit.args else 0.0
        longest[item.path] = max(longest.get(item.path, 0.0), seconds)
    items.sort(key=lambda item: -longest[item.path])


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def _warm() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _warm_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with programs(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.fixture
def warm_commands(_warm_programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have our commands and the Meltano of runs forked from processes that have imported them; return the folder."""
    use(_warm_programs, monkeypatch)
    return _warm_programs


@pytest.fixture
def target(_warm: Server, tmp_path: Path) -> Target:
    """The target, over a warehouse of its own."""
    return Target(_warm, tmp_path)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """The tables of the target's warehouse."""
    return Tables(tmp_path / "warehouse")


@pytest.fixture
def load(target: Target) -> Load:
    """Run the target on lines or bytes, with settings over the defaults, and expect an exit code."""

    def run(lines: Any, *, code: int | None = 0, **settings: Any) -> Ended:
        child = target.start(**settings)
        if isinstance(lines, bytes):
            child.feed_bytes(lines)
        else:
            child.feed(*lines)
        ended = child.wait()
        assert "Traceback" not in ended.log, ended.log
        if code is not None:
            assert ended.code == code, ended.log
        return ended

    return run
