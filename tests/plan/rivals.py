"""Runs of the target in processes of their own that meet: all of them stage before the first of them commits."""

from __future__ import annotations

import io
import json
import multiprocessing as mp
from collections.abc import Mapping, Sequence
from typing import Any

DEADLINE = 100.0


def run(loads: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]) -> list[str]:
    """Run loads, each settings and messages, at the same time; return how each ended: empty, or its error."""
    context = mp.get_context("spawn")
    barrier, answers = context.Barrier(len(loads)), context.Queue()
    children = [context.Process(target=_child, args=(i, barrier, answers, *load)) for i, load in enumerate(loads)]
    for child in children:
        child.start()
    found = dict(answers.get(timeout=DEADLINE) for _ in children)
    for child in children:
        child.join(DEADLINE)
    return [found[i] for i in range(len(loads))]


def _child(
    number: int, barrier: Any, answers: Any, settings: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> None:
    try:
        _load(barrier, settings, messages)
        answers.put((number, ""))
    except Exception as error:
        barrier.abort()  # the others wait for one that never comes
        answers.put((number, f"{type(error).__name__}: {error}"))


def _load(barrier: Any, settings: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> None:
    from target_dativo_iceberg import publish
    from target_dativo_iceberg.contract import load
    from target_dativo_iceberg.loader import Loader
    from target_dativo_iceberg.route import Contracts
    from target_dativo_iceberg.settings import parse

    commit = publish.commit
    waits = [True]

    def meeting(*words: Any) -> None:
        if waits:
            waits.clear()
            barrier.wait(DEADLINE)
        commit(*words)

    publish.commit = meeting
    parsed = parse(settings)
    documents = load(parsed.contract_path) if parsed.contract_path else None
    source = io.BytesIO("".join(json.dumps(m) + "\n" for m in messages).encode())
    Loader(parsed, Contracts(parsed, documents), source, lambda _value: None).run()
