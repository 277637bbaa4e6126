"""`python -m target_dativo_iceberg.contract check PATH…`: lint of contracts and their canonical form."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from target_dativo_iceberg.contract.reader import Read, files, load, read
from target_dativo_iceberg.contract.reading.document import Block, Expanded, Items, plain
from target_dativo_iceberg.contract.reading.normalise import FrontDoor
from target_dativo_iceberg.contract.reading.schema_lint import schema_notes
from target_dativo_iceberg.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from target_dativo_iceberg.contract.model import Note


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found: documents in canonical form, notes, and the errors that would stop a load."""

    documents: tuple[Block, ...]
    notes: tuple[Note, ...]
    errors: tuple[ContractError, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when every contract can be enforced (warnings allowed), 2 when one cannot."""
    parser = argparse.ArgumentParser(prog="python -m target_dativo_iceberg.contract")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="lint contracts and print their canonical form")
    command.add_argument("paths", nargs="+", metavar="PATH", help="contract file, or folder of contracts")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    checked = check(options.paths)
    _print_json(checked) if options.json else _print_text(checked)
    return 2 if checked.errors else 0


def check(paths: Sequence[str]) -> Checked:
    """Return the findings about all contracts at the paths; one bad document does not hide the others."""
    found: list[Checked] = [_checked(path) for path in paths]
    return Checked(
        tuple(document for part in found for document in part.documents),
        tuple(note for part in found for note in part.notes),
        tuple(error for part in found for error in part.errors),
    )


def _checked(path: str) -> Checked:
    documents, notes, errors = [], [], []
    try:
        each = files(path)
    except ContractError as error:
        return Checked((), (), (error,))
    for file in each:
        try:
            done = read(file)
        except ContractError as error:
            errors.append(error)
            continue
        documents.append(done.canonical.root)
        notes += sorted([*done.compiled.notes, *_official(done, file)], key=lambda note: note.line)
    if not errors:
        errors += _together(path)
    return Checked(tuple(documents), tuple(notes), tuple(errors))


def _official(done: Read, file: Path) -> list[Note]:
    """ODCS documents are held against the schema they declare, dativo's forms against 3.2 once rewritten."""
    known = {note.path for note in done.compiled.notes}
    if done.canonical.door is FrontDoor.ODCS:
        return schema_notes(done.raw, str(file), done.canonical.version, known)
    return schema_notes(done.canonical.root, str(file), (3, 2), known)


def _together(path: str) -> list[ContractError]:
    try:
        load(path)
    except ContractError as error:
        return [error]
    return []


# ---- output ----


def _print_text(checked: Checked) -> None:
    for note in checked.notes:
        sys.stderr.write(f"{note}\n")
    for error in checked.errors:
        sys.stderr.write(f"error: {error}\n")
    sys.stdout.write(yaml.dump_all(checked.documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _print_json(checked: Checked) -> None:
    fields = ("source", "line", "level", "path", "message")
    report = {
        "contracts": [plain(document) for document in checked.documents],
        "notes": [{name: getattr(note, name) for name in fields} for note in checked.notes],
        "errors": [{"message": error.message, "hint": error.hint} for error in checked.errors],
    }
    sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")


class _Dumper(yaml.SafeDumper):
    """Writes blocks as plain YAML, numbers with the digits they were written with, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write shared parts out each time."""
        return True


_Dumper.add_representer(Block, lambda dumper, data: dumper.represent_dict(data))
_Dumper.add_representer(Items, lambda dumper, data: dumper.represent_list(data))
_Dumper.add_representer(Expanded, lambda dumper, data: dumper.represent_str(str(data)))
_Dumper.add_representer(
    Decimal, lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:float", format(data, "f"))
)

if __name__ == "__main__":
    sys.exit(main())
