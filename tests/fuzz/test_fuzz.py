"""A small round of each kind of fuzzing; `make fuzz` goes on for longer, from other seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import messages
from tests.fuzz.rounds import KINDS, play
from tests.target.running import Server, Target, record, schema

EXAMPLES = {"messages": 15, "contracts": 150, "jobs": 60, "names": 150}


@pytest.fixture
def server(_warm: Server) -> Server:
    return _warm


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_comes_ends_as_promised(server: Server, tmp_path: Path, kind: str) -> None:
    play(kind, server, tmp_path, EXAMPLES[kind], start=20261201)


def test_what_does_not_hold_is_told(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary is found where it is shown: here in a stream's name, which logs may show."""
    monkeypatch.setattr(messages, "CANARY", "shown")
    lines = [messages._line(schema("shown")), messages._line(record(1, "shown"))]
    with pytest.raises(AssertionError):
        messages.check(target, lines, {})
