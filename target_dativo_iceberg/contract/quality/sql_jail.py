"""SQL rules of a contract, each run in a process of its own that cannot reach files, network or more memory."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from target_dativo_iceberg.contract.model import Check, CheckKind, Contract
from target_dativo_iceberg.contract.quality.sql_rows import column_path, sql_schema
from target_dativo_iceberg.errors import ContractError, SettingsError

_OBJECT = ("object", "table", "model", "schema")
_PROPERTY = ("field", "column", "property")
_PLACEHOLDER = re.compile(r'"\$?\{(\w+)\}"|\$?\{(\w+)\}')
_ROOT = Path(__file__).parents[3]
# It ends without taking its modules apart.
_START = (
    "import os, sys; sys.path.append(sys.argv[1]); "
    "from target_dativo_iceberg.contract.quality.sql_child import main; main(); sys.stdout.flush(); os._exit(0)"
)
# Nothing of our environment reaches the child; one memory arena keeps its address space small.
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "TZ": "UTC", "PATH": os.defpath}
_STARTUP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What one SQL rule may use.

    Attributes:
        memory_mb: memory of the query; the process may map 1,024 MB more.
        seconds: wall time, and nearly the same of processor time.

    """

    memory_mb: int = 512
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """What a query gave: a number (booleans are 1 and 0), or the reason why there is none.

    Attributes:
        value: the number, None if there is none.
        rows: rows that the query could see.
        reason: why there is no number.

    """

    value: Fraction | None
    rows: int = 0
    reason: str = ""


class SqlJail:
    """The SQL rules of a contract.

    Args:
        contract: whose rules and columns these are.
        limits: of every query.

    Raises:
        SettingsError: DuckDB is not installed.
        ContractError: a query is no SELECT over the object, or does not fit its columns.

    """

    def __init__(self, contract: Contract, limits: SqlLimits) -> None:
        self._limits = limits
        self._tables = list(dict.fromkeys(name for name in (contract.name, contract.physical_name) if name))
        self._schema = sql_schema(contract)
        checks = [check for check in contract.checks if check.kind is CheckKind.SQL]
        self._queries = {check.id: query_of(check, contract) for check in checks}
        self._columns: Mapping[str, tuple[str, ...]] = {}
        if checks:
            _need_duckdb(contract)
            self._columns = self._checked(contract)

    def columns(self, check: Check) -> tuple[str, ...]:
        """Return the columns that a rule's query may read, at least one."""
        return self._columns[check.id]

    def run(self, check: Check, files: Sequence[str]) -> SqlAnswer:
        """Run a rule on the rows of Parquet files (`.parquet`) or Arrow files, all of one kind, on this machine."""
        request = {"task": "run", "query": self._queries[check.id], "files": list(files)}
        answer = self._ask(request)
        if isinstance(answer, str):
            return SqlAnswer(None, reason=answer)
        if "value" in answer:
            return SqlAnswer(Fraction(answer["value"]), answer["rows"])
        return SqlAnswer(None, answer.get("rows", 0), self._reason(answer))

    def _reason(self, answer: Mapping[str, Any]) -> str:
        reasons = {
            "refused": f"the query is not allowed: {answer.get('detail')}",
            "memory": f"the query needs more than {self._limits.memory_mb} MB of memory",
            "query": f"the query failed on these rows ({answer.get('detail')})",
            "files": "the files with the rows cannot be read",
            "shape": "the query does not give one row with one column",
            "null": "the query gives null or NaN",
            "type": "the query gives neither a number nor a boolean",
        }
        return reasons[answer["error"]]

    def _checked(self, contract: Contract) -> Mapping[str, tuple[str, ...]]:
        answers = self._ask({"task": "check", "queries": list(self._queries.values())})
        if isinstance(answers, str):
            raise ContractError(f"{_where(contract)}: the SQL rules cannot be checked: {answers}", "simplify them")
        columns = {}
        for (check, _), answer in zip(self._queries.items(), answers, strict=True):
            if "refused" in answer:
                hint = "a SQL rule is one SELECT over {object} that gives one number"
                raise ContractError(f"{_where(contract)}: SQL rule '{check}' cannot be run: {answer['refused']}", hint)
            columns[check] = self._named(answer["columns"])
        return columns

    def _named(self, found: Sequence[str] | None) -> tuple[str, ...]:
        names = tuple(name for name in self._schema.names if found is None or name.lower() in found)
        return names or (min(self._schema.names, key=lambda n: self._schema.field(n).type.num_fields),)

    def _ask(self, task: dict[str, Any]) -> Any:
        schema = base64.b64encode(self._schema.serialize()).decode()
        return ask(task | {"tables": self._tables, "schema": schema}, self._limits)


def ask(task: dict[str, Any], limits: SqlLimits) -> Any:
    """Send a task of `sql_child` to a new process; return its answer, or as a text why there is none."""
    too_long = f"the query takes longer than {limits.seconds} seconds"
    request = task | {"memory_mb": limits.memory_mb, "seconds": limits.seconds}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-I", "-c", _START, str(_ROOT)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            timeout=limits.seconds + _STARTUP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return too_long
    if done.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
        return too_long
    if done.returncode:
        return f"the query's process died; it may need more than {limits.memory_mb} MB of memory"
    return json.loads(done.stdout)


def _need_duckdb(contract: Contract) -> None:
    if find_spec("duckdb") is None:
        raise SettingsError(
            f"{_where(contract)} has SQL rules, and DuckDB, which runs them, is not installed",
            "pip install 'target-dativo-iceberg[quality]'",
        )


def _where(contract: Contract) -> str:
    return f"{contract.source}: object '{contract.name}'" if contract.source else f"contract '{contract.name}'"


def query_of(check: Check, contract: Contract) -> str:
    """Return a rule's query with its placeholders replaced by quoted names.

    Raises:
        ContractError: it names the property of a rule that belongs to the object.

    """

    def name(match: re.Match[str]) -> str:
        word = (match[1] or match[2]).lower()
        if word in _OBJECT:
            return _quoted([contract.name])
        if word not in _PROPERTY:
            return match[0]
        if not check.fields:
            raise ContractError(
                f"{_where(contract)}: SQL rule '{check.id}' says {{{word}}} but belongs to the object",
                "move it to a property, or name the column",
            )
        return _quoted([field.name for field in column_path(contract, check.fields[0])])

    return _PLACEHOLDER.sub(name, check.arguments["query"]).strip().removesuffix(";")


def _quoted(names: Sequence[str]) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
