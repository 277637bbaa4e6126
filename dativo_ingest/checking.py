"""What `dativo check` asks beyond the files: the real tap, the real catalog and its tables. Nothing is changed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from dativo_ingest.discovery import discover
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.events import Events
from dativo_ingest.meltano import find_meltano, program_environment
from dativo_ingest.places import Places
from dativo_ingest.ready import Ready
from dativo_ingest.taps import ensure_tap, with_source
from target_dativo_iceberg import contract

_SECONDS = 300
# Columns that the target or the SDK fills in.
_METADATA = "_sdc_"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: who was asked, and what is wrong (empty when nothing is)."""

    asked: str
    problem: str = ""


def ask_all(
    ready: Ready, places: Places, environment: Mapping[str, str], events: Events, *, install: bool
) -> list[Finding]:
    """Ask Meltano, the tap and the target's tables."""
    return [
        _meltano(environment),
        _source(ready, places, environment, events, install=install),
        _tables(ready, environment),
    ]


def _meltano(environment: Mapping[str, str]) -> Finding:
    try:
        find_meltano(environment)
    except OrchestratorError as error:
        return Finding("meltano", str(error))
    return Finding("meltano")


def _source(ready: Ready, places: Places, environment: Mapping[str, str], events: Events, *, install: bool) -> Finding:
    try:
        extractor = with_source(ready.extractor, places, environment, events, install=install)
        tap = ensure_tap(extractor, places, environment, events, install=install)
        catalog = discover(extractor, tap, environment, events.redactor)
    except OrchestratorError as error:
        return Finding("source", str(error))
    found = {
        str(s.get("tap_stream_id") or s.get("stream")): set((s.get("schema") or {}).get("properties") or {})
        for s in catalog["streams"]
    }
    missing = sorted(set(ready.extractor.streams) - found.keys())
    problems = [f"the source has no {', '.join(missing)}"] if missing else list(_lacking(ready, found))
    return Finding("source", "; ".join(problems))


def _lacking(ready: Ready, found: Mapping[str, Set[str]]) -> Iterator[str]:
    """Yield what the asset wants of streams and their columns, as the tap finds them, do not have.

    Nothing is said where columns come to be later: by a stream map of the tap, or by a mapper.
    """
    if ready.extractor.config.get("stream_maps") or ready.target.markdown_kv_storage is not None:
        return
    contracts = {contract.fold(one.name): one for one in ready.contracts.contracts}
    for stream, name in ready.extractor.streams.items():
        asset = contracts.get(contract.fold(name))
        wanted = [f for f in asset.fields if not f.filled and not f.name.startswith(_METADATA)] if asset else []
        if wanted and not {field.name for field in wanted} & found[stream]:
            yield f"'{stream}' has none of the asset's columns; it has {', '.join(sorted(found[stream])) or 'none'}"
        elif lacking := [field.name for field in wanted if field.required and field.name not in found[stream]]:
            yield f"'{stream}' lacks {', '.join(lacking)}, which the asset requires"


def _tables(ready: Ready, environment: Mapping[str, str]) -> Finding:
    """Have the target plan the load: it opens catalog and store, and holds the contract against the tables."""
    settings = {**ready.settings, "job_id": ready.file.id}
    command = [sys.executable, "-P", "-m", "target_dativo_iceberg.plan", "--config", "ENV", "--json"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            env=program_environment(settings, environment),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("target", "catalog or store do not answer")
    try:
        plan = json.loads(done.stdout)
    except ValueError:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return Finding("target", said[-1].removeprefix("ERROR: ") if said else "the target cannot be asked")
    problems = [problem for stream in plan["streams"] for problem in stream["problems"]]
    return Finding("target", "; ".join(problems))
