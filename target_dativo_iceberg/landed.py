"""`python -m target_dativo_iceberg.landed`: which publish of a journal the tables stand at.

For whoever keeps the STATE of a job, after a run that ended without saying (settings `journal_path`, `job_id`). Reads
the journal from its end and looks for the newest entry whose checkpoint all its tables carry. Nothing is changed.

Prints one JSON object: `{"entry": number of the line from 0, or null, "state": its STATE, as text, or null}`.
Exit codes: 0 an answer, 2 a failure, said in one line on stderr.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg import command
from target_dativo_iceberg.checkpoint import is_whole
from target_dativo_iceberg.errors import CheckpointError, InputError, SettingsError

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings

Entry = dict[str, Any]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(words)
    return command.reported(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    found = command.parser("landed", "Say which publish of a journal the tables stand at.")
    found.add_argument("--journal", metavar="FILE", help="the journal (default: setting journal_path)")
    return found


def _run(options: argparse.Namespace) -> int:
    settings = command.settings_of(options.config)
    path = options.journal or settings.journal_path
    if path is None:
        raise SettingsError("there is no journal to read", "set journal_path, or give --journal")
    entries = read(Path(path))
    number = _newest(entries, settings) if entries else None
    command.print_json({"entry": number, "state": None if number is None else entries[number]["state"]})
    return command.DONE


def read(path: Path) -> list[Entry]:
    """Return the entries of a journal, oldest first; a last line that was cut off counts for nothing.

    Raises:
        InputError: it cannot be read, or holds something else.

    """
    try:
        lines = path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        raise InputError(f"journal '{path}' cannot be read", "move it away if it is damaged") from None


def _newest(entries: Sequence[Entry], settings: Settings) -> int | None:
    from target_dativo_iceberg.read_only import existing_store  # noqa: PLC0415 - PyIceberg is heavy

    store = existing_store(settings)
    if store is None:
        return None
    names = dict.fromkeys(name for entry in entries for name in entry["tables"])
    tables = {name: store.load(tuple(name.split("."))) for name in names}
    properties = {name: table.properties if table else {} for name, table in tables.items()}
    for number in range(len(entries) - 1, -1, -1):
        entry = entries[number]
        _check(entry, properties)
        if all(properties[name].get(entry["key"]) == entry["checkpoint"] for name in entry["tables"]):
            return number
    return None


def _check(entry: Entry, properties: Mapping[str, Mapping[str, str]]) -> None:
    for name in entry["tables"]:
        text = properties[name].get(entry["key"])
        if text is not None and not is_whole(text):
            raise CheckpointError(
                f"property '{entry['key']}' of table {name} is not what the target wrote",
                "look how far the job is, and set its state",
            )


if __name__ == "__main__":
    command.program(main)
