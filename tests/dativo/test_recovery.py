"""state.json after runs that could not save it: what was printed counts, and what the tables carry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from dativo_ingest import legacy_state, recovery, state
from dativo_ingest.errors import StateError
from dativo_ingest.places import JobFolder
from tap_adapters.extractor import Cursors
from tests.dativo.project import Project

CURSORS = Cursors(
    entries=lambda value, moment: {"object_a": {"cursor": value["at"], "last_sync": moment}},
    shifted=lambda value, days: {"at": value["at"] - days},
    imported=lambda entries: {"at": entries["object_a"]["cursor"]},
)


def entry(number: int) -> str:
    return json.dumps({"key": "k", "checkpoint": str(number), "tables": ["t"], "state": json.dumps({"at": number})})


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("warm_commands")
def test_a_crash_between_publish_and_save_is_repaired_by_the_tables(project: Project) -> None:
    project.csv(1, 2)
    job = project.job()
    assert project.run(job).code == 0
    before = (project.of_job() / "state.json").read_bytes()
    project.csv(3, name="b.csv")
    assert project.run(job).code == 0
    after = state.read(project.of_job() / "state.json")
    assert after is not None
    # As if the second run had been killed right after its commit, before it could print.
    (project.of_job() / "state.json").write_bytes(before)
    metadata = json.loads(Path(project.tables().pointers()["shop.orders"].removeprefix("file://")).read_text())
    key = "dativo.checkpoint.acme.orders"
    noted = {"key": key, "checkpoint": metadata["properties"][key], "tables": ["shop.orders"], "state": after.text}
    (project.of_job() / "journal.jsonl").write_text(json.dumps(noted) + "\n")
    third = project.run(job)
    assert third.code == 0, third.err
    assert third.said("state_repaired") == ["an earlier run was cut off; its STATE was landed and is saved now"]
    assert third.json["jobs"][0]["target"]["totals"]["records"] == 0
    assert project.ids() == [1, 2, 3]
    assert list(project.state_of()) == ["file_data/a.csv", "file_data/b.csv", "singer"]


@pytest.mark.parametrize("edited", ["", "{", '{"run_id": "r", "epoch": 1}'])
def test_a_checkpoint_that_somebody_edited_is_not_guessed_at(project: Project, edited: str) -> None:
    project.csv(1)
    job = project.job()
    assert project.run(job).code == 0
    known = (project.of_job() / "state.json").read_bytes()
    key = "dativo.checkpoint.acme.orders"
    warehouse = project.folder / "warehouse" / "acme"
    catalog = SqlCatalog("default", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=str(warehouse))
    table = catalog.load_table("shop.orders")
    noted = {"key": key, "checkpoint": table.properties[key], "tables": ["shop.orders"], "state": '{"bookmarks": {}}'}
    (project.of_job() / "journal.jsonl").write_text(json.dumps(noted) + "\n")
    with table.transaction() as transaction:
        transaction.set_properties({key: edited})
    catalog.close()
    project.csv(2, name="b.csv")
    ended = project.run(job)
    assert ended.code == 2
    assert f"checkpoint: property '{key}' of table shop.orders is not what" in ended.json["jobs"][0]["error"]
    assert (project.ids(), (project.of_job() / "state.json").read_bytes()) == ([1], known)
    copy = project.folder / "copy.json"
    copy.write_bytes(known)
    assert project.dativo("state set", "--config", job, "--file", copy).code == 0
    assert project.run(job).code == 0
    assert project.ids() == [1, 2]


def test_what_was_printed_last_is_saved_and_older_notes_are_settled(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.emitted.write_text('{"at": 1}\n{"at": 2}\n{"at": 3, "cut o')
    folder.journal.write_text(f"{entry(1)}\n{entry(2)}\n")
    assert recovery.settle(folder, CURSORS, lambda _path: pytest.fail("nobody needs to be asked"), "r") == "printed"
    saved = state.read(folder.state)
    assert saved is not None
    assert (saved.value, saved.run_id) == ({"at": 2}, "r")
    assert saved.entries["object_a"]["cursor"] == 2
    assert not folder.journal.exists()
    assert not folder.emitted.exists()


@pytest.mark.parametrize(("landed", "at", "kept"), [(None, 1, [2, 3]), (0, 2, [3]), (1, 3, [])])
def test_the_tables_say_which_of_the_noted_states_holds(
    tmp_path: Path, landed: int | None, at: int, kept: list[int]
) -> None:
    folder = JobFolder(tmp_path)
    folder.emitted.write_text('{"at": 1}\n')
    folder.journal.write_text(f"{entry(1)}\n{entry(2)}\n{entry(3)}\n")
    asked = []

    def ask(path: Path) -> int | None:
        asked.append([json.loads(line)["checkpoint"] for line in path.read_text().splitlines()])
        return landed

    recovery.settle(folder, CURSORS, ask, "r")
    assert asked == [["2", "3"]]
    saved = state.read(folder.state)
    assert saved is not None
    assert saved.value == {"at": at}
    # An answer may be late: what has not landed yet is asked for again before the next run.
    left = folder.journal.read_text().splitlines() if folder.journal.exists() else []
    assert [int(json.loads(line)["checkpoint"]) for line in left] == kept


@pytest.mark.usefixtures("warm_commands")
def test_a_damaged_state_file_is_a_failure_and_never_a_full_reload(project: Project) -> None:
    project.csv(1)
    job = project.job()
    (project.of_job()).mkdir(parents=True)
    for text in ("", "{", "[]", '{"singer": {"state": '):
        (project.of_job() / "state.json").write_text(text)
        with pytest.raises(
            StateError, match=r"state file .*/state.json is (damaged|not a JSON object): restore it, or"
        ):
            state.read(project.of_job() / "state.json")
    ended = project.run(job)
    assert (ended.code, ended.json["jobs"][0]["cause"]) == (2, "state")
    assert project.ids() == []


def test_a_state_is_kept_digit_by_digit_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    text = '{"at":1.10000000000000000000000000001,"b":[1e400,"ä"]}'
    cursors = Cursors(entries=lambda _value, _moment: {}, shifted=lambda v, _d: v, imported=lambda e: e)
    state.write(path, text, cursors, "r", "2026-01-01T00:00:00Z")
    saved = state.read(path)
    assert saved is not None
    assert saved.text is not None
    assert saved.text.replace(" ", "").replace("\n", "") == text
    assert path.stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_state_that_its_dialect_does_not_know_is_kept_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.write(path, '{"odd": 1}', CURSORS, "r")
    saved = state.read(path)
    assert saved is not None
    assert (dict(saved.entries), saved.value) == ({}, {"odd": 1})


def test_a_tap_gets_a_copy_set_back_by_the_lookback_and_entries_of_others_are_read() -> None:
    saved = state.Saved({"object_a": {"cursor": 9}}, '{"at": 9}')
    assert state.for_tap(saved, CURSORS, 2) == {"at": 7}
    assert saved.value == {"at": 9}
    assert state.for_tap(state.Saved({"object_a": {"cursor": 4}}), CURSORS, 0) == {"at": 4}
    assert state.for_tap(None, CURSORS, 2) is None
    assert state.for_tap(state.Saved({"else": 1}), CURSORS, 0) is None


OLD = {
    "file_data/a.csv": {"last_modified": "2023-11-14T22:13:22+00:00", "file_id": "x"},
    "orders.at": {"last_value": "2026-01-01", "updated_at": "2026-01-02"},
    "else": 3,
}


def test_cursors_of_dativo_ingest_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(OLD))
    assert legacy_state.read(path).entries == {
        "file_data/a.csv": {"last_modified": "2023-11-14T22:13:22+00:00"},
        "object_orders": {"cursor": "2026-01-01"},
    }
    path.write_text("{")
    with pytest.raises(StateError, match=r"the older state file .* cannot be read"):
        legacy_state.read(path)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("warm_commands")
def test_a_job_goes_on_from_the_cursors_of_dativo_ingest(project: Project) -> None:
    project.csv(1, 2)
    project.csv(3, name="b.csv")
    project.write("state/acme/csv.orders.state.json", json.dumps(OLD))
    ended = project.run(project.job())
    assert ended.code == 0, ended.err
    assert ended.said("state_imported") == ["the cursors of an older state file are taken over"]
    assert project.ids() == [3]
