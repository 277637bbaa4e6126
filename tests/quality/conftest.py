"""Contracts with quality checks, and rows for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from target_dativo_iceberg.contract.model import Check, CheckKind, Contract, Field, Kind, Severity, Threshold, Type
from target_dativo_iceberg.contract.quality.checks import CheckResult, Quality
from target_dativo_iceberg.contract.values.arrow import arrow_schema

FIELDS = (
    Field("id", Type(Kind.INTEGER)),
    Field("name", Type(Kind.STRING)),
    Field("amount", Type(Kind.DECIMAL, precision=10, scale=2)),
    Field("ratio", Type(Kind.DOUBLE)),
    Field("day", Type(Kind.DATE)),
    Field("seen", Type(Kind.TIMESTAMPTZ)),
    Field("ref", Type(Kind.UUID)),
    Field("place", Type(Kind.STRUCT, fields=(Field("city", Type(Kind.STRING)), Field("zip", Type(Kind.STRING))))),
    Field("tags", Type(Kind.LIST, item=Field("element", Type(Kind.STRING)))),
)
Rows = Sequence[Mapping[str, Any]]
Judge = Callable[..., CheckResult]


def check(kind: CheckKind, *fields: str, op: str = "mustBe", limits: Sequence[Any] = (0,), **more: Any) -> Check:
    threshold = Threshold(op, tuple(limits), more.pop("unit", "rows"))
    arguments = more.pop("arguments", {})
    return Check(more.pop("id", "c"), kind, fields, arguments, threshold, **more)


def sql(query: str, *fields: str, **more: Any) -> Check:
    return check(CheckKind.SQL, *fields, arguments={"query": query}, **more)


def contract(*checks: Check, **more: Any) -> Contract:
    return Contract("orders", more.pop("fields", FIELDS), checks=checks, **more)


def rows(records: Rows, of: Contract | None = None) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(records), arrow_schema(of or contract()))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder that must be empty at the end of the test."""
    folder = tmp_path / "scratch"
    yield folder
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.fixture
def judge(scratch: Path) -> Judge:
    """The result of one check over batches of records."""

    def judged(one: Check, *batches: Rows, rejected: int = 0, **more: Any) -> CheckResult:
        with closing(Quality(contract(one), memory_bytes=1 << 20, scratch=scratch, **more)) as quality:
            for records in batches:
                quality.observe(rows(records), rejected)
            (result,) = quality.results(one.scope)
            return result

    return judged


WARNING = Severity.WARNING
