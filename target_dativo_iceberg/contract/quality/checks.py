"""Aggregate quality checks of a contract over the accepted rows of a run.

Scopes: `batch` is the rows that are published together (an epoch), `run` is all rows of the run so far, `table` is the
table as it would be after the publish, which the publisher scans (`table_result`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.contract.model import Check, CheckKind, Contract
from target_dativo_iceberg.contract.quality.metrics import Count, Tally, count_of
from target_dativo_iceberg.contract.quality.sql_jail import SqlJail, SqlLimits
from target_dativo_iceberg.contract.quality.sql_rows import SqlRows, sql_schema
from target_dativo_iceberg.contract.quality.thresholds import CheckResult, Gate
from target_dativo_iceberg.contract.rules.distinct import Distinct
from target_dativo_iceberg.contract.values.arrow import arrow_schema, as_contract, picked

__all__ = ["CheckResult", "Quality"]

Scan = Callable[[list[str]], Iterator[pa.RecordBatch]]
_UNRUN = {
    CheckKind.TEXT: "it is described in words only",
    CheckKind.CUSTOM: "the target does not run engines of other tools",
}


class Quality:
    """The aggregate checks of one contract in one run. False if no check looks at the rows of a run.

    A check whose query gives null or NaN, or that cannot be measured, has status `error`. Rows that the contract
    rejected are not counted. `mustBeBetween` and `mustNotBeBetween` include their bounds, unless the check's argument
    `between` is `exclusive`. The share of nothing in no rows is 0 percent.

    Args:
        contract: whose checks these are.
        memory_bytes: bound of the memory that `duplicateValues` may take, for all checks together.
        scratch: folder for keys beyond it and for rows that SQL rules read; empty again after `close`.
        unique: keys whose repeats never reach `observe`, so that `duplicateValues` of them is 0 without looking.
        limits: of each SQL rule.

    Raises:
        ContractError: a check cannot be taken of these columns, or a query is not allowed.
        SettingsError: there are SQL rules and DuckDB is not installed.

    """

    def __init__(
        self,
        contract: Contract,
        *,
        memory_bytes: int,
        scratch: Path,
        unique: Collection[Sequence[str]] = (),
        limits: SqlLimits | None = None,
    ) -> None:
        self._contract = contract
        self._scratch = scratch
        self._unique = [frozenset(columns) for columns in unique]
        self._schema = arrow_schema(contract)
        duplicates = sum(check.kind is CheckKind.DUPLICATE_VALUES for check in contract.checks)
        self._share = memory_bytes // max(1, duplicates)
        self._gates = {check.id: Gate(check) for check in contract.checks if check.kind not in _UNRUN}
        self._jail = SqlJail(contract, limits or SqlLimits())
        measured = [check for check in contract.checks if check.kind not in (*_UNRUN, CheckKind.SQL)]
        self._tallies = {check.id: Tally(self._count(check)) for check in measured}
        self._rows = {scope: 0 for scope in ("batch", "run")}
        self._rejected = dict(self._rows)
        self._sql_rows = {scope: self._kept_rows(scope) for scope in ("batch", "run")}

    def __bool__(self) -> bool:
        """Whether any check looks at the rows of a run."""
        return any(check.kind not in _UNRUN and check.scope != "table" for check in self._contract.checks)

    @property
    def table_checks(self) -> tuple[Check, ...]:
        """The checks that need a scan of the table."""
        return self._checks("table")

    def _checks(self, scope: str) -> tuple[Check, ...]:
        return tuple(check for check in self._contract.checks if check.scope == scope)

    # ---- rows ----

    def observe(self, batch: pa.RecordBatch, rejected: int) -> None:
        """Take the accepted rows of a staged batch, in order, and the number of rows rejected from it.

        Raises:
            StoreError: the scratch folder is full.

        """
        for scope in ("batch", "run"):
            self._rows[scope] += batch.num_rows
            self._rejected[scope] += rejected
            for check in self._checks(scope):
                if check.id in self._tallies:
                    self._tallies[check.id].add(batch)
            rows = self._sql_rows[scope]
            if rows is not None and batch.num_rows:
                rows.add(batch)

    def start_epoch(self) -> None:
        """Forget the rows of scope `batch`: they are published."""
        self._rows["batch"] = self._rejected["batch"] = 0
        for check in self._checks("batch"):
            if check.id in self._tallies:
                self._tallies[check.id] = Tally(self._count(check))
        rows = self._sql_rows["batch"]
        if rows is not None:
            rows.remove()

    def close(self) -> None:
        """Delete the rows that were kept for SQL rules."""
        for rows in self._sql_rows.values():
            if rows is not None:
                rows.remove()

    # ---- results ----

    def results(self, scope: str) -> list[CheckResult]:
        """Return the results of all checks of scope `batch` or `run`, over the rows observed so far."""
        note = f"{self._rejected[scope]} rejected rows are not counted" if self._rejected[scope] else ""
        return [self._result(check, note) for check in self._checks(scope)]

    def _result(self, check: Check, note: str) -> CheckResult:
        if check.kind in _UNRUN:
            return self._skipped(check)
        if check.kind is CheckKind.SQL:
            rows = self._sql_rows[check.scope]
            result = self.sql_result(check, [str(file) for file in rows.files()] if rows else [], note=note)
            return replace(result, rows=self._rows[check.scope])
        tally = self._tallies[check.id]
        return self._gates[check.id].result(tally.counted, tally.rows, note=note)

    def _skipped(self, check: Check) -> CheckResult:
        reason = _UNRUN[check.kind]
        return CheckResult(check.id, check.kind, "skip", check.severity, description=check.description, reason=reason)

    def sql_result(self, check: Check, files: Sequence[str], *, note: str = "") -> CheckResult:
        """Run a SQL rule on the rows of files: all Parquet (`.parquet`), or all Arrow; no file means no rows."""
        answer = self._jail.run(check, files)
        gate = self._gates[check.id]
        if answer.value is None:
            return gate.failure(answer.reason, answer.rows)
        return gate.result(answer.value, answer.rows, note=note)

    def table_result(self, check: Check, scan: Scan) -> CheckResult:
        """Take a check over the rows of a table.

        Args:
            check: of any kind and scope.
            scan: returns the table's rows with at least the named columns, in batches.

        """
        if check.kind in _UNRUN:
            return self._skipped(check)
        columns = self._columns(check)
        schema = picked(self._schema, columns)
        batches = (as_contract(batch, schema) for batch in scan(columns))
        if check.kind is CheckKind.SQL:
            return self._sql_over(check, columns, batches)
        tally = Tally(self._count(check, watched=True))
        for batch in batches:
            tally.add(batch)
        return self._gates[check.id].result(tally.counted, tally.rows)

    def _sql_over(self, check: Check, columns: list[str], batches: Iterator[pa.RecordBatch]) -> CheckResult:
        rows = SqlRows(picked(sql_schema(self._contract), columns), self._scratch)
        try:
            for batch in batches:
                rows.add(batch)
            return self.sql_result(check, [str(file) for file in rows.files()])
        finally:
            rows.remove()

    # ---- parts ----

    def _count(self, check: Check, *, watched: bool = False) -> Count:
        """Return a new count of a check; `watched` looks for repeats even where a key rules them out in a run."""
        columns = frozenset(check.fields)
        if not watched and check.kind is CheckKind.DUPLICATE_VALUES and any(key <= columns for key in self._unique):
            return lambda _batch: 0
        return count_of(check, self._contract, lambda names: Distinct(names, self._share, self._scratch))

    def _kept_rows(self, scope: str) -> SqlRows | None:
        checks = [check for check in self._checks(scope) if check.kind is CheckKind.SQL]
        wanted = {name for check in checks for name in self._jail.columns(check)}
        columns = [name for name in self._schema.names if name in wanted]
        return SqlRows(picked(sql_schema(self._contract), columns), self._scratch) if checks else None

    def _columns(self, check: Check) -> list[str]:
        """Return the top columns that a check reads, at least one."""
        if check.kind is CheckKind.SQL:
            return list(self._jail.columns(check))
        paths = check.fields or tuple(check.arguments.get("properties") or ()) or self._schema.names[:1]
        return list(
            dict.fromkeys(next(n for n in self._schema.names if p == n or p.startswith(f"{n}.")) for p in paths)
        )
