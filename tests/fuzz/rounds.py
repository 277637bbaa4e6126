"""A number of examples of one kind, by hypothesis, which makes what fails as small as it can."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import documents, messages
from tests.target.running import Server, Target

Place = Callable[[], Path]


def _messages(server: Server, place: Place) -> Callable[..., None]:
    @given(messages.LINES, messages.SETTINGS)
    def one(lines: list[bytes], options: dict[str, Any]) -> None:
        messages.check(Target(server, place()), lines, options)

    return one


def _contracts(server: Server, place: Place) -> Callable[..., None]:
    folder = place()
    return given(documents.YAML)(lambda data: documents.check_contract(folder, data))


def _jobs(server: Server, place: Place) -> Callable[..., None]:
    folder = place()
    return given(documents.YAML)(lambda data: documents.check_job(folder, data))


def _names(server: Server, place: Place) -> Callable[..., None]:
    return given(st.text(max_size=300))(documents.check_name)


KINDS: Mapping[str, Callable[[Server, Place], Callable[..., None]]] = {
    "messages": _messages,
    "contracts": _contracts,
    "jobs": _jobs,
    "names": _names,
}


def play(kind: str, server: Server, folder: Path, examples: int, start: int) -> None:
    """Try so many examples; raises the AssertionError of the smallest that does not hold."""
    numbers = itertools.count(1)

    def place() -> Path:
        made = folder / f"{kind}-{next(numbers)}"
        made.mkdir()
        return made

    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    seed(start)(limits(KINDS[kind](server, place)))()
