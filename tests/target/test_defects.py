"""A large stream with every kind of defect: what is rejected is what was planted, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables
from tests.target.defects import TYPES, Planted, contract, plant
from tests.target.running import Ended, Target

# `make faults` takes 300,000.
_RECORDS = int(os.environ.get("DEFECT_RECORDS", "10000"))
_COLUMNS = ", ".join(f"from_base64({name}) AS {name}" if name == "seal" else name for name in TYPES)
_TYPES = json.dumps(TYPES | {"surprise": "JSON"})


def _load(target: Target, planted: Planted, **settings: Any) -> Ended:
    with (planted.folder / "stream.singer").open("rb") as source:
        pieces = iter(lambda: source.read(1 << 22), b"")
        ended = target.run(pieces, contract_path=contract(target.folder), epoch_max_mb=64, run_id="r1", **settings)
    assert ended.code == 0, ended.log
    return ended


def _differences(target: Target, planted: Planted, *kinds: str, columns: str, found: str) -> int:
    """Rows of the good table that no clean record stands for, and the other way round, compared by DuckDB."""
    files = [str(planted.folder / f"{kind}.jsonl") for kind in kinds]
    expected = f"SELECT {columns} FROM read_json({files}, columns={_TYPES}, format='newline_delimited')"
    actual = f"SELECT {found} FROM {{parcels}}"
    both = f"(({expected}) EXCEPT ALL ({actual})) UNION ALL (({actual}) EXCEPT ALL ({expected}))"
    return int(Tables(target.warehouse).sql(f"SELECT count(*) FROM ({both})")[0][0])


def _check_quarantine(target: Target, planted: Planted) -> None:
    query = (
        "SELECT _seq, _record, list_transform(_errors, e -> [e.path, e.class, e.rule]), "
        "list_distinct(list_transform(_errors, e -> e.action)) FROM {parcels__quarantine}"
    )
    found = Tables(target.warehouse).sql(query)
    assert {row[0]: {tuple(reason) for reason in row[2]} for row in found} == planted.reasons
    assert {row[0]: row[1] for row in found} == planted.records
    assert len(found) == len(planted.records)
    assert all(row[3] == ["quarantine"] for row in found)


def _check_counts(ended: Ended, planted: Planted) -> None:
    counts, planned = ended.stream("parcels"), planted.counts
    assert counts["by_rule"] == dict(planted.by_rule)
    assert counts["good"] == planned["clean"] + planned["unknown"]
    assert counts["quarantined"] == planned["mended"] + planned["broken"]
    assert counts["dropped"] == 0
    assert counts["records"] == sum(planned.values())


def _replay(target: Target, *words: str) -> dict[str, Any]:
    config = target.folder / "replay.json"
    settings = {"warehouse": str(target.warehouse), "contract_path": contract(target.folder, relaxed=True)}
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "dativo_ingest", "replay", "--config", str(config), "--table", "default.parcels"]
    done = subprocess.run([*command, "--json", *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr  # some records no contract can take
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _pointers(target: Target) -> Sequence[tuple[str, str]]:
    return sorted(target.published().items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "planted"
    found.mkdir()
    return found


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("warm_commands")
def test_many_records_with_every_kind_of_defect(target: Target, folder: Path) -> None:
    planted = plant(folder, _RECORDS, seed=4)
    ended = _load(target, planted, on_violation="quarantine")

    assert sum(planted.counts.values()) == _RECORDS
    assert 0.04 < len(planted.records) / _RECORDS < 0.06
    _check_counts(ended, planted)
    assert ended.stream("parcels")["warnings"] == {"unknown_field": planted.counts["unknown"]}
    kinds, found = ("clean", "unknown"), f"{', '.join(TYPES)}, json(_rescued_data->'$.surprise')"
    assert not _differences(target, planted, *kinds, columns=f"{_COLUMNS}, json(surprise)", found=found)
    _check_quarantine(target, planted)

    replayed = _replay(target)
    assert replayed["replayed"] == planted.counts["mended"]
    assert replayed["still_broken"] == planted.counts["broken"]
    names = ", ".join(TYPES)
    assert not _differences(target, planted, *kinds, "mended", columns=_COLUMNS, found=names)
    waiting = Tables(target.warehouse).sql(
        "SELECT count(*) FILTER (_replayed_at IS NULL), count(*) FROM {parcels__quarantine}"
    )
    assert waiting == [(planted.counts["broken"], len(planted.records))]

    before = _pointers(target)
    again = _replay(target)
    assert (again["tried"], again["replayed"]) == (planted.counts["broken"], 0)
    assert _pointers(target) == before


@pytest.mark.usefixtures("warm_commands")
def test_unknown_members_can_be_a_defect_and_come_in_once_the_contract_has_them(target: Target, folder: Path) -> None:
    planted = plant(folder, 15_000, seed=5, unknown_is_bad=True)
    ended = _load(target, planted, on_violation={"preset": "quarantine", "unknown_field": "quarantine"})
    _check_counts(ended, planted)
    assert planted.by_rule["unknown_field"] > 10
    assert not _differences(target, planted, "clean", columns=_COLUMNS, found=", ".join(TYPES))
    _check_quarantine(target, planted)
    assert _replay(target)["replayed"] == planted.counts["mended"]
    columns, found = f"{_COLUMNS}, json(surprise)", f"{', '.join(TYPES)}, json(surprise)"
    assert not _differences(target, planted, "clean", "mended", columns=columns, found=found)
