"""A project, and the servers of metadata catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dativo.conftest import project
from tests.metadata_catalogs.glue import Glue
from tests.metadata_catalogs.openmetadata import OpenMetadata
from tests.metadata_catalogs.serving import Serving
from tests.metadata_catalogs.unity import Unity

__all__ = ["project"]


def start(kind: type[Serving]) -> Iterator[Any]:
    server = kind()
    yield server
    server.stop()


@pytest.fixture
def openmetadata() -> Iterator[OpenMetadata]:
    yield from start(OpenMetadata)


@pytest.fixture
def unity() -> Iterator[Unity]:
    yield from start(Unity)


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Glue]:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield from start(Glue)
