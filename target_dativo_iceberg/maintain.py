"""`dativo maintain`: small files compacted, rows past retention deleted, old snapshots and orphans cleared away.

Each step is a plan first, with its reason and figures; `--dry-run` prints it and changes nothing. What changes rows or
files of a table is a publish like that of a load: one commit, against the snapshot it was planned on, and planned anew
when another writer was faster. Nothing is deleted before such a commit.

Exit codes: 0 all was done or not needed; 1 a step that was asked for by name was refused; 2 a failure, said in one line
on stderr, after which other tables are cared for all the same; 128 + n on signal n.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from target_dativo_iceberg import command, log, names
from target_dativo_iceberg.errors import DativoError, SettingsError, StoreError
from target_dativo_iceberg.maintenance.steps import ORPHANS, STEPS, Care, State, Step

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.tables import Store

_LEAST_AGE_DAYS = 1


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(words)
    return command.reported(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    found = command.parser("maintain", "Care for tables between loads: files, rows, manifests, snapshots, orphans.")
    found.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="NS.TABLE",
        help="a table; without a namespace in the settings' one (default: all tables of that namespace)",
    )
    found.add_argument(
        "--step",
        action="append",
        default=[],
        choices=STEPS,
        help="only this step; may be given again (default: all but orphans)",
    )
    found.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    found.add_argument(
        "--min-files",
        type=_at_least(2),
        default=5,
        metavar="N",
        help="small files of a partition that are worth a compaction though they do not fill one (default: 5)",
    )
    found.add_argument("--remove-orphans", action="store_true", help="delete orphans; step orphans alone counts them")
    found.add_argument(
        "--orphan-age-days", type=_at_least(0), default=7, metavar="N", help="younger files stay (default: 7)"
    )
    found.add_argument("--force", action="store_true", help="let --orphan-age-days be less than 1: no load may run")
    return found


def _at_least(least: int) -> type[int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}")
        return int(text)

    return read  # type: ignore[return-value]


def _run(options: argparse.Namespace) -> int:
    settings = command.settings_of(options.config)
    care = _care(settings, options)
    found = maintain(care, options.table)
    if options.json:
        tables = [{"table": name, "steps": [step.as_dict() for step in steps]} for name, steps in found]
        command.print_json({"dry_run": care.dry_run, "tables": tables})
    else:
        lines = [line for name, steps in found for line in (f"table {name}", *(f"  {step}" for step in steps))]
        sys.stdout.write("".join(f"{log.one_line(line)}\n" for line in lines or ["there are no tables"]))
    if any(step.state is State.FAILED for _, steps in found for step in steps):
        return command.FAILED
    asked = {*options.step, *([ORPHANS] if options.remove_orphans else [])}
    refused = any(step.state is State.REFUSED and step.name in asked for _, steps in found for step in steps)
    return command.PARTLY if refused else command.DONE


def _care(settings: Settings, options: argparse.Namespace) -> Care:
    if options.orphan_age_days < _LEAST_AGE_DAYS and not options.force:
        raise SettingsError(
            "--orphan-age-days 0 would take files of loads that run now for orphans",
            "give at least 1, or --force while no load runs",
        )
    wanted = {*options.step, *([ORPHANS] if options.remove_orphans else [])}
    return Care(
        settings=settings,
        now=datetime.now(UTC),
        run_id=f"maintain-{uuid.uuid4()}",
        names=tuple(name for name in STEPS if (name in wanted if options.step else name != ORPHANS or name in wanted)),
        dry_run=options.dry_run,
        min_files=options.min_files,
        remove_orphans=options.remove_orphans,
        orphan_age=timedelta(days=options.orphan_age_days),
    )


def maintain(care: Care, tables: Sequence[str]) -> list[tuple[str, list[Step]]]:
    """Plan or do what is wanted, table by table.

    Args:
        care: what is wanted.
        tables: their names; all of the settings' namespace if there are none.

    Returns:
        Each table's dotted name and its steps.

    Raises:
        SettingsError: a name is not allowed.
        StoreError: the catalog did not answer. What goes wrong with one table is in its steps, and others go on.

    """
    from target_dativo_iceberg.maintenance.table_care import care_for  # noqa: PLC0415 - Arrow and PyIceberg are heavy
    from target_dativo_iceberg.read_only import existing_store  # noqa: PLC0415 - as above

    store = existing_store(care.settings)
    if store is None:
        raise StoreError("there is no catalog yet", "check where --config looks")
    found = []
    for identifier in _identifiers(store, care.settings, tables):
        name = ".".join(identifier)
        try:
            found.append((name, care_for(store, care, identifier)))
        except DativoError as error:
            log.say(error.line, "error")
            found.append((name, [Step("", State.FAILED, str(error))]))
    return found


def _identifiers(store: Store, settings: Settings, tables: Sequence[str]) -> list[tuple[str, ...]]:
    own = names.namespace(settings.namespace or "default")
    if not tables:
        return sorted(store.identifiers(own))
    split = (name.rpartition(".") for name in tables)
    return [(*(names.namespace(namespace) if namespace else own), table) for namespace, _, table in split]


if __name__ == "__main__":
    command.program(main)
