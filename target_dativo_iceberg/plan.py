"""`dativo plan`: contract against stream against table, and what a load would change; nothing is changed here.

The contract is the one that a load would use, the stream's shape comes from a Singer catalog or from SCHEMA messages
on standard input (without either, contract and table are compared), the table is as the catalog has it now. Problems
and warnings are the words that the target would say.

Exit codes: 0 a load would be taken; 1 there are problems; 2 a failure, said in one line on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg import command, log
from target_dativo_iceberg.errors import SettingsError

if TYPE_CHECKING:
    from target_dativo_iceberg.messages import Schema
    from target_dativo_iceberg.settings import Settings


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a table.

    Attributes:
        step: `create_column`, `add_column`, `promote`, `relax`, `rename`, `rekey`, `partition_by` or `sort_by`.
        column: its path, dotted; empty for the last three.
        to: the type it has then, its new name, the new key columns, the partitions or the sort keys.
        reason: why.

    """

    step: str
    column: str = ""
    to: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """One line for people."""
        words = {
            "create_column": f"{self.column} {self.to}",
            "add_column": f"add column {self.column} {self.to}",
            "promote": f"widen column {self.column} to {self.to}",
            "relax": f"make column {self.column} optional",
            "rename": f"rename column {self.column} to {self.to}",
            "rekey": f"set the identifier fields to ({self.to})",
            "partition_by": f"partition by {self.to}",
            "sort_by": f"sort by {self.to}",
        }[self.step]
        return words + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a load of one stream would do.

    Attributes:
        stream: its name.
        table: dotted name, empty when a problem comes before.
        contract: id and version; empty when the SCHEMA is the contract.
        creates: the table does not exist yet.
        changes: of the table, in order.
        columns: contract column → the variant column beside it that takes its values.
        warnings: what the load would warn of.
        problems: why the load would be refused.

    """

    stream: str
    table: str = ""
    contract: str = ""
    creates: bool = False
    changes: tuple[Change, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Text for people."""
        held = f"contract {self.contract}" if self.contract else "its SCHEMA is the contract"
        said = [f"  warning: {text}" for text in self.warnings] + [f"  problem: {text}" for text in self.problems]
        if not self.table:
            return [f"stream {self.stream} cannot be loaded", *said]
        found = [f"stream {self.stream} into table {self.table} ({held})"]
        if self.creates:
            columns = [change for change in self.changes if change.column]
            found.append("  create the table with columns " + ", ".join(map(str, columns)))
            found += [f"  {change}" for change in self.changes if not change.column]
        elif self.changes:
            found += [f"  {change}" for change in self.changes]
        elif not self.problems:
            found.append("  the table needs no change")
        return found + said


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(words)
    return command.reported(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    found = command.parser("plan", "Show what a load would change, and why; nothing is changed.")
    source = found.add_mutually_exclusive_group()
    source.add_argument("--catalog-file", metavar="FILE", help="Singer catalog: its selected streams are planned")
    source.add_argument("--schema-from-stdin", action="store_true", help="take SCHEMA messages from a tap's output")
    return found


def _run(options: argparse.Namespace) -> int:
    settings = command.settings_of(options.config)
    plans = _plans(settings, _schemas(options))
    problems = sum(len(plan.problems) for plan in plans)
    if options.json:
        command.print_json({"fits": not problems, "streams": [_as_dict(plan) for plan in plans]})
    else:
        lines = [line for plan in plans for line in plan.lines()]
        sys.stdout.write("".join(f"{log.one_line(line)}\n" for line in lines))
    return command.PARTLY if problems else command.DONE


def _schemas(options: argparse.Namespace) -> list[Schema] | None:
    """Return the evidence, None when there is none."""
    from target_dativo_iceberg.evidence import from_catalog, from_messages  # noqa: PLC0415 - Arrow is heavy

    if options.catalog_file:
        return from_catalog(options.catalog_file)
    return from_messages(sys.stdin.buffer) if options.schema_from_stdin else None


def _plans(settings: Settings, schemas: list[Schema] | None) -> list[StreamPlan]:
    from target_dativo_iceberg.stream_plans import Planner  # noqa: PLC0415 - Arrow and PyIceberg are heavy

    planner = Planner(settings)
    if schemas is not None:
        return planner.of_schemas(schemas)
    if settings.contract_path is None:
        raise SettingsError("there is nothing to plan", "set contract_path, or give --catalog-file or a tap's output")
    return planner.of_contracts()


def _as_dict(plan: StreamPlan) -> dict[str, Any]:
    return asdict(plan)


if __name__ == "__main__":
    command.program(main)
