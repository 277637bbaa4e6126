from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replay.orders import STRICT, Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty warehouse and the strict contract."""
    found = Lake(tmp_path, {"warehouse": str(tmp_path / "warehouse")})
    found.contract(STRICT)
    yield found
    found.close()
