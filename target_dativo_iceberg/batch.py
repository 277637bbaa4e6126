"""Raw records of one stream to one typed Arrow batch, row i being line i.

Fast path: one native parse of the whole run and whole-column casts. What either is not sure of goes to the reader
that explains, a value or a record at a time, and comes back in its place.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.cells import Cells, arrow_cells, text_cells
from target_dativo_iceberg.contract.findings import unknown as listed
from target_dativo_iceberg.contract.model import Field
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.cast import cast
from target_dativo_iceberg.contract.values.coerce import Findings
from target_dativo_iceberg.contract.values.coercions import counted, kind_of
from target_dativo_iceberg.contract.values.masks import either
from target_dativo_iceberg.reading import Plan, Run
from target_dativo_iceberg.rows import Coercions, Typed, coercions_of, read_slowly

# A run this short is read record by record when the native parser refuses it.
_SHORT = 32
# Runs that are screened after one with bad lines. Screening costs half of a parse, a parse that fails a whole one.
_WARY = 3
# Records looked at in each run to name the members that are left out.
_SAMPLE = 100


def read(plan: Plan, lines: pa.BinaryArray) -> Typed:
    """Read a run of lines of one stream."""
    if len(lines) == 0:
        return Typed(pa.RecordBatch.from_pylist([], plan.schema))
    run, fit = plan.prepared(lines)
    return _apart(plan, run, fit, screened=bool(plan.kept))


def _apart(plan: Plan, run: Run, good: pa.BooleanArray | None, *, screened: bool) -> Typed:
    """Read good lines in bulk and the others one by one."""
    if good is None:
        return _read_run(plan, run, screened=screened)
    bad = pc.invert(good)
    parts = [(pc.indices_nonzero(bad), read_slowly(plan, run.sources.filter(bad)))]
    if good.true_count:
        parts.append((pc.indices_nonzero(good), _read_run(plan, run.filter(good), screened=screened)))
    return _woven(parts)


def _read_run(plan: Plan, run: Run, *, screened: bool) -> Typed:
    if plan.suspects and not screened and len(run) > _SHORT:
        return _screened(plan, run)
    columns = plan.parse(run.lines)
    if columns is None and not (plan.ignores_unknown or plan.keeps_unknown):
        columns = plan.parse_ignoring(run.lines)
        plan.ignores_unknown = columns is not None
    if columns is not None:
        return _cast_record(plan, columns, run)
    if len(run) <= _SHORT:
        return read_slowly(plan, run.sources)
    if screened:
        return _halves(plan, run)
    return _screened(plan, run)


def _screened(plan: Plan, run: Run) -> Typed:
    """Read a run after its lines were looked at one by one; a run with bad lines makes the next ones suspect."""
    good = plan.screen(run.lines)
    bad = good.true_count < len(good)
    plan.suspects = _WARY if bad else max(0, plan.suspects - 1)
    return _apart(plan, run, good if bad else None, screened=True)


def _halves(plan: Plan, run: Run) -> Typed:
    rows = pa.array(range(len(run)), pa.uint64())
    low = pc.less(rows, len(run) // 2)
    return _woven(
        [(rows.filter(half), _read_run(plan, run.filter(half), screened=True)) for half in (low, pc.invert(low))]
    )


def _cast_record(plan: Plan, columns: Mapping[str, pa.Array], run: Run) -> Typed:
    found = _cast_columns(plan, plan.contract.fields, columns, len(run), lambda f, c: _read_texts(plan, f, c))
    unknown = found.unknown | (_left_out(plan, run.sources) if plan.ignores_unknown else frozenset())
    if found.unsure is None:
        return Typed(found.batch, found.findings, unknown, _coercions(plan.contract.fields, columns, found, run))
    sure, rows = pc.indices_nonzero(pc.invert(found.unsure)), pc.indices_nonzero(found.unsure)
    findings = {i: found.findings[r] for i, r in enumerate(sure.to_pylist()) if r in found.findings}
    known = replace(found, findings=findings)
    fast = Typed(found.batch.take(sure), findings, unknown, _coercions(plan.contract.fields, columns, known, run))
    return _woven([(sure, fast), (rows, read_slowly(plan, run.sources.filter(found.unsure)))])


def _coercions(fields: Sequence[Field], columns: Mapping[str, pa.Array], found: _Columns, run: Run | None) -> Coercions:
    """Count what was converted: whole columns by what they were parsed as, single values by what was found in them."""
    total = coercions_of(found.findings.values())
    for f in fields:
        if f.name not in columns:
            continue
        apart = either(found.apart.get(f.name), found.unsure if run is not None else None)
        column = columns[f.name] if apart is None else columns[f.name].filter(pc.invert(apart))
        total.update({(f.name, kind): count for kind, count in counted(column, f.type).items()})
        if run is not None and f.name in run.numbers:
            numbers = run.numbers[f.name] if apart is None else pc.and_(run.numbers[f.name], pc.invert(apart))
            total.update({(f.name, kind_of("number", f.type)): numbers.true_count} if numbers.true_count else {})
    return total


def _read_texts(plan: Plan, f: Field, values: pa.Array) -> Cells | None:
    """Read values of a column one by one, if its texts are all that their records say of them."""
    return text_cells(f, values, whole=f.name in plan.whole) if pa.types.is_string(values.type) else None


def _left_out(plan: Plan, sources: pa.BinaryArray) -> frozenset[str]:
    """Name members that are left out, as far as a sample shows them."""
    step = -(-len(sources) // _SAMPLE)
    return read_slowly(plan, sources.take(pa.array(range(0, len(sources), step)))).unknown


# ---- columns ----


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns after their casts.

    Attributes:
        unsure: rows that must be read from their lines.
        apart: by column, rows whose values were read one by one.

    """

    batch: pa.RecordBatch
    findings: dict[int, Findings]
    unknown: frozenset[str]
    unsure: pa.BooleanArray | None
    apart: Mapping[str, pa.BooleanArray]


# Reads values of a field one by one, or returns None when that takes their whole records.
_Reader = Callable[[Field, pa.Array], Cells | None]


def _cast_columns(
    plan: Plan, fields: Sequence[Field], columns: Mapping[str, pa.Array], count: int, reader: _Reader
) -> _Columns:
    """Cast parsed columns to the contract; single values in doubt are read by the reader."""
    arrays, unsure, apart = [], None, {}
    findings: dict[int, Findings] = {}
    declared = frozenset(plan.schema.names)
    extra = {n for n, c in columns.items() if n not in declared and c.null_count < count}
    unknown = {listed("$", n) for n in extra}
    for f in fields:
        if f.name not in columns:
            arrays.append(pa.nulls(count, arrow_type(f.type)))
            continue
        array, mask = cast(columns[f.name], f.type)
        if mask is not None and (cells := reader(f, columns[f.name].filter(mask))) is not None:
            rows = pc.indices_nonzero(mask)
            array = _placed(array, mask, cells.values)
            unknown |= cells.unknown
            for row, found in cells.findings.items():
                findings.setdefault(rows[row].as_py(), Findings()).add(found)
            apart[f.name] = mask
            mask = None
        arrays.append(array)
        unsure = either(unsure, mask)
    if plan.keeps_unknown:
        unsure = either(unsure, _any_valid([columns[n] for n in extra]))
    batch = pa.RecordBatch.from_arrays(arrays, schema=plan.schema)
    return _Columns(batch, findings, frozenset(unknown), unsure, apart)


def _any_valid(columns: Sequence[pa.Array]) -> pa.BooleanArray | None:
    """Return which rows have a value in any of the columns, or None when there are no columns."""
    return functools.reduce(pc.or_, (c.is_valid() for c in columns)) if columns else None


def _placed(array: pa.Array, mask: pa.BooleanArray, values: pa.Array) -> pa.Array:
    """Put values in the places of a mask."""
    rest = pc.invert(mask)
    rows = pa.concat_arrays([pc.indices_nonzero(rest), pc.indices_nonzero(mask)])
    return pa.concat_arrays([array.filter(rest), values]).take(pc.sort_indices(rows))


def _woven(parts: Sequence[tuple[pa.Array, Typed]]) -> Typed:
    """Put rows that were read apart back in their order."""
    rows = pa.concat_arrays([r for r, _ in parts])
    whole = pa.concat_batches([t.batch for _, t in parts]).take(pc.sort_indices(rows))
    findings = {r[i].as_py(): f for r, t in parts for i, f in t.findings.items()}
    coercions: Coercions = Counter()
    for _, typed in parts:
        coercions.update(typed.coercions)
    return Typed(whole, findings, frozenset().union(*(t.unknown for _, t in parts)), coercions)


# ---- columns that come as Arrow ----


def read_arrow(plan: Plan, batch: pa.RecordBatch) -> Typed:
    """Read a batch of a Parquet or Arrow file: whole-column casts, values in doubt one by one."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = _cast_columns(plan, plan.declared.fields, columns, batch.num_rows, arrow_cells)
    if found.unsure is not None:  # rows with values that the contract has no column for
        for name in columns.keys() - set(plan.schema.names):
            for row in pc.indices_nonzero(columns[name].is_valid()).to_pylist():
                found.findings.setdefault(row, Findings()).unknown.add(listed("$", name))
    return Typed(found.batch, found.findings, found.unknown, _coercions(plan.declared.fields, columns, found, None))


def read_exactly(plan: Plan, batch: pa.RecordBatch, ends: Mapping[str, pa.Array]) -> pa.RecordBatch | None:
    """Read a batch whose values are the contract's as they are; None when one of them may not be.

    Args:
        plan: how it is read.
        batch: its columns are those of the contract, of the contract's types; texts may have a dictionary.
        ends: the least and greatest values of the columns that have any, by column.

    """
    arrays = []
    for f in plan.declared.fields:
        column = batch.column(f.name)
        if pa.types.is_dictionary(column.type):
            arrays.append(column)
            continue
        own = ends.get(f.name) if column.type == arrow_type(f.type) else None  # a cast changes none of its values
        array, unsure = cast(column if own is None else own, f.type)
        if unsure is not None or counted(column, f.type):
            return None
        arrays.append(array if own is None else column)
    return pa.RecordBatch.from_arrays(arrays, names=plan.schema.names)


__all__ = ["Plan", "Typed", "read", "read_arrow", "read_exactly", "read_slowly"]
