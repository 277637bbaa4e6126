"""Which rows repeat the key of an earlier row of the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.rules.key_index import KeyIndex, placed
from target_dativo_iceberg.contract.rules.key_words import KeyReader, Keys
from target_dativo_iceberg.errors import EvolutionError

_SLICE = 65_536
_PREFIX = pa.scalar(40, pa.uint64())


class Distinct:
    """Remembers the keys of a run and tells which rows repeat one.

    Keys of one number, date, time or boolean are compared exactly; other keys by a 128-bit hash with secret random
    coefficients (`key_words` says how unlikely an error is). Keys that come in strictly increasing order, as from a
    table read by its serial number, are only compared with the largest so far.

    Args:
        columns: names of the key's columns; dots lead into structs.
        memory_bytes: bound of the memory for keys; more keys go to files. The work on one slice of a batch, at most
            65,536 rows and 20 MB, comes on top.
        scratch: folder for these files, made when it is needed; they have no name there and vanish with the process.

    """

    def __init__(self, columns: Sequence[str], memory_bytes: int, scratch: Path) -> None:
        self.columns = tuple(columns)
        self._reader = KeyReader(columns)
        self._index = KeyIndex(memory_bytes, scratch)
        self._slice = max(1024, min(_SLICE, memory_bytes // 256))
        self._types: tuple[pa.DataType, ...] | None = None
        self._largest: int | None = None

    def duplicates(self, batch: pa.RecordBatch) -> pa.BooleanArray | None:
        """Return a mask of the rows whose key an earlier row of the run has, None if there are none.

        The first row with a key is no duplicate, and neither is a row with null in a key column. The batch's keys are
        remembered.

        Raises:
            ContractError: a key column is missing, or holds objects, lists or maps.
            EvolutionError: a key column has another type than in earlier batches.
            StoreError: the scratch folder is full.

        """
        self._check_types(batch)
        masks = [self._slice_duplicates(part) for part in _slices(batch, self._slice)]
        if all(mask is None for mask, _ in masks):
            return None
        return pa.concat_arrays([pa.repeat(False, rows) if mask is None else mask for mask, rows in masks])

    def _check_types(self, batch: pa.RecordBatch) -> None:
        types = self._reader.types(batch)
        if self._types is not None and types != self._types:
            raise EvolutionError(
                f"the type of key {', '.join(self.columns)} changed within the run, so its values cannot be compared",
                "end the run before the change",
            )
        self._types = types

    def _slice_duplicates(self, batch: pa.RecordBatch) -> tuple[pa.Array | None, int]:
        keys = self._reader.read(batch)
        mask = None if not len(keys.first) or self._increases(keys) else self._repeated(keys)
        if mask is not None and keys.valid is not None:
            mask = pc.replace_with_mask(pa.repeat(False, batch.num_rows), keys.valid, mask)
        return mask, batch.num_rows

    def _increases(self, keys: Keys) -> bool:
        """Take keys that are all larger than those before."""
        if keys.order is None:
            return False
        first, last = keys.order[0].as_py(), keys.order[-1].as_py()
        if (self._largest is None or first > self._largest) and _strictly_increasing(keys.order):
            self._index.append(keys.first)
            self._largest = last
            return True
        self._largest = max(pc.max(keys.order).as_py(), first if self._largest is None else self._largest)
        return False

    def _repeated(self, keys: Keys) -> pa.Array | None:
        """Look keys up among themselves and among the earlier ones, and take the new ones."""
        order = placed(keys.first)
        first, second = keys.first.take(order), None if keys.second is None else keys.second.take(order)
        rows = self._index.rows(first, second) + _repeats_within(first, second)
        if not rows:
            self._index.add(first, second)
            return None
        known = pc.is_in(pa.arange(0, len(first)), pa.concat_arrays(rows))
        new = pc.invert(known)
        self._index.add(first.filter(new), None if second is None else second.filter(new))
        return pc.scatter(known, order.cast(pa.int64()))


def _slices(batch: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _strictly_increasing(values: pa.Array) -> bool:
    return bool(pc.all(pc.greater(values[1:], values[:-1]), min_count=0).as_py())


def _repeats_within(first: pa.Array, second: pa.Array | None) -> list[pa.Array]:
    """Return positions of keys that stand earlier in the same column, which is in the order of `placed`.

    Equal keys have equal upper bits, so they are sought only among neighbours by these: usually a handful.
    """
    prefix = pc.shift_right(first, _PREFIX)
    same = pc.equal(prefix[1:], prefix[:-1])
    if not pc.any(same, min_count=0).as_py():
        return []
    edge = pa.array([False])
    near = pc.or_(pa.concat_arrays([edge, same]), pa.concat_arrays([same, edge]))
    rows = pc.indices_nonzero(near).cast(pa.int64())
    table = pa.table({"first": first.take(rows), "row": rows})
    keys = ["first"]
    if second is not None:
        table, keys = table.append_column("second", second.take(rows)), ["first", "second"]
    earliest = table.group_by(keys, use_threads=False).aggregate([("row", "min")])["row_min"].combine_chunks()
    if len(earliest) == len(rows):
        return []
    return [rows.filter(pc.invert(pc.is_in(rows, earliest)))]
