"""Row rules over whole batches: one boolean column per broken rule, nothing per record unless a rule is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.findings import member
from target_dativo_iceberg.contract.layout import elements, rows_mask
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Severity
from target_dativo_iceberg.contract.rules.row_rules import RANGES, Test, compiled_test, scalar

# A step to the elements of a list, or to the values of a map; other steps are names of members.
_ELEMENTS = "[*]"


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule, ready to run.

    Attributes:
        rule: its id.
        klass: class of the violation.
        column: index of the top-level column.
        path: JSON path, for messages.
        steps: from the column to what is tested: names of members, or `[*]` for elements.
        severity: error or warning.
        message: what is wrong with a row that breaks it.
        test: see `Test`.
        ranged: whether no value breaks the rule when neither the least nor the greatest does.

    """

    rule: str
    klass: str
    column: int
    path: str
    steps: tuple[str, ...]
    severity: Severity
    message: str
    test: Test
    ranged: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that some rows of a batch break, and the mask of those rows."""

    compiled: Compiled
    rows: pa.BooleanArray


class Checker:
    """All row rules of a contract.

    Args:
        contract: what to enforce.

    Raises:
        ContractError: a rule cannot be applied to its field's type, or its pattern is not one RE2 can run.

    """

    def __init__(self, contract: Contract) -> None:
        self._rules: list[Compiled] = []
        self._lenient = contract.inferred
        for index, field in enumerate(contract.fields):
            path = member("$", field.name)
            if field.required:
                self._rules.append(
                    Compiled(
                        f"{contract.name}.{field.name}.required",
                        "missing_required",
                        index,
                        path,
                        (),
                        Severity.ERROR,
                        "is required",
                        pc.is_null,
                    )
                )
            self._add(index, field, path, ())

    def _add(self, column: int, field: Field, path: str, steps: tuple[str, ...]) -> None:
        """Add the rules of a field and of what is in it; `required` inside a column is a matter of reading."""
        for rule in field.rules:
            test = compiled_test(rule, field.type, lenient=self._lenient)
            if test is not None:
                message = f"breaks {rule.kind.value}"
                self._rules.append(
                    Compiled(
                        rule.id, "constraint", column, path, steps, rule.severity, message, test, rule.kind in RANGES
                    )
                )
        if field.type.kind is Kind.STRUCT:
            for below in field.type.fields:
                self._add(column, below, member(path, below.name), (*steps, below.name))
        elif field.type.item is not None:
            each = ".*" if field.type.kind is Kind.MAP else _ELEMENTS
            self._add(column, field.type.item, path + each, (*steps, _ELEMENTS))

    def broken(self, batch: pa.RecordBatch, ends: Mapping[str, pa.Array] = MappingProxyType({})) -> list[Broken]:
        """Return the rules that some row of a typed batch breaks.

        Args:
            batch: typed rows.
            ends: the least and greatest values of its columns, of those for which they are known.

        """
        found = []
        for compiled in self._rules:
            column = batch.column(compiled.column)
            if compiled.klass == "missing_required" and column.null_count == 0:
                continue
            own = ends.get(batch.schema.names[compiled.column]) if compiled.ranged else None
            if own is not None and not pc.any(compiled.test(own)).as_py():
                continue
            rows = _tested(column, compiled.steps, compiled.test, whole=compiled.klass == "missing_required")
            if rows is not None and pc.any(rows, min_count=0).as_py():
                found.append(Broken(compiled, pc.fill_null(rows, False)))
        return found


def _tested(column: pa.Array, steps: tuple[str, ...], test: Test, *, whole: bool) -> pa.Array | None:
    """Run a test on what steps lead to; a row with a value that breaks it breaks it. None when none does.

    Each value of a column with a dictionary is tested once, unless the test is about the column as a `whole`.
    """
    if pa.types.is_dictionary(column.type) and not whole:
        broken = test(column.dictionary)
        return broken.take(column.indices) if pc.any(broken, min_count=0).as_py() else None
    values, parents = column, None
    for step in steps:
        if step == _ELEMENTS:
            values, above = elements(values)
            parents = above if parents is None else parents.take(above)
        else:
            values = pc.struct_field(values, [step])
    broken = test(values)
    return broken if parents is None else rows_mask(parents.filter(pc.fill_null(broken, False)), len(column))


__all__ = ["Broken", "Checker", "Compiled", "Test", "compiled_test", "scalar"]
