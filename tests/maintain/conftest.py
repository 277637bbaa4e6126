from __future__ import annotations

from pathlib import Path

import pytest

from tests.maintain.care import Cared


@pytest.fixture
def lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cared:
    """An empty warehouse."""
    return Cared(tmp_path, capsys)
