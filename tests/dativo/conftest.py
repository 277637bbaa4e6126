"""A fresh project for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dativo.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.asset()
    return made
