"""Privacy over Arrow columns: a tree of steps, compiled once; each turns a clear column into a protected one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.model import Field, Type
from target_dativo_iceberg.contract.privacy.seal import Sealer
from target_dativo_iceberg.contract.privacy.text import texts
from target_dativo_iceberg.contract.values.arrow import arrow_fields, arrow_type


@dataclass(frozen=True, slots=True)
class Keep:
    """The column stays as it is.

    Attributes:
        type: its type.

    """

    type: Type

    def column(self, array: pa.Array) -> pa.Array:
        """Return the column."""
        return array


@dataclass(frozen=True, slots=True)
class Blank:
    """Every value becomes null.

    Attributes:
        type: the type of the column, before and after.

    """

    type: Type

    def column(self, array: pa.Array) -> pa.Array:
        """Return a column of nulls."""
        return pa.nulls(len(array), arrow_type(self.type))


@dataclass(frozen=True, slots=True)
class Seal:
    """Every value becomes another text.

    Attributes:
        type: clear type, not STRUCT, LIST or MAP.
        sealer: what is done to the values' texts.
        repeats: equal texts give equal outputs, so each is sealed once.

    """

    type: Type
    sealer: Sealer
    repeats: bool

    def column(self, array: pa.Array) -> pa.Array:
        """Return the sealed texts."""
        encoded = array.dictionary_encode()
        clear = texts(encoded.dictionary, self.type.kind)
        if self.repeats:
            return self.sealer(clear).take(encoded.indices)
        return self.sealer(clear.take(encoded.indices))


@dataclass(frozen=True, slots=True)
class Within:
    """The members of a struct, each by its own step.

    Attributes:
        members: what becomes of them.

    """

    members: Members

    def column(self, array: pa.Array) -> pa.Array:
        """Return a struct of protected members; null where the struct was."""
        # flatten, unlike field, leaves no value of a member behind where the struct itself is null.
        columns = self.members.columns(array.flatten())
        return pa.StructArray.from_arrays(
            columns, fields=arrow_fields([o.field for o in self.members.outputs]), mask=array.is_null()
        )


@dataclass(frozen=True, slots=True)
class Each:
    """The elements of a list, all by one step.

    Attributes:
        element: the step.

    """

    element: Step

    def column(self, array: pa.Array) -> pa.Array:
        """Return a list of protected elements."""
        values = self.element.column(array.flatten())
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        field = pa.field("element", values.type)
        return pa.ListArray.from_arrays(_offsets(lengths), values, type=pa.list_(field), mask=array.is_null())


@dataclass(frozen=True, slots=True)
class Entries:
    """The keys and the values of a map.

    Attributes:
        key: step for the keys.
        value: step for the values.

    """

    key: Step
    value: Step

    def column(self, array: pa.Array) -> pa.Array:
        """Return a map of protected keys and values."""
        # Taking all rows leaves no entries before, after or between those that belong to a row.
        compact = array.take(pa.array(range(len(array)), pa.int64()))
        keys, values = self.key.column(compact.keys), self.value.column(compact.items)
        mask = array.is_null() if array.null_count else None
        return pa.MapArray.from_arrays(compact.offsets, keys, values, mask=mask)


Step = Keep | Blank | Seal | Within | Each | Entries


@dataclass(frozen=True, slots=True)
class Output:
    """One protected column.

    Attributes:
        source: index of the clear column that it comes from.
        field: name and type in the table.
        step: how it is made.

    """

    source: int
    field: Field
    step: Step


@dataclass(frozen=True, slots=True)
class Members:
    """The columns of a table, or the members of a struct.

    Attributes:
        inputs: the clear ones, in order.
        outputs: the protected ones, in order; a clear one may give none, one or two.

    """

    inputs: tuple[Field, ...]
    outputs: tuple[Output, ...]

    def columns(self, arrays: Sequence[pa.Array]) -> list[pa.Array]:
        """Return the protected columns."""
        return [output.step.column(arrays[output.source]) for output in self.outputs]

    @property
    def unchanged(self) -> bool:
        """Whether all columns stay as they are: only encryption adds or moves one."""
        return len(self.inputs) == len(self.outputs) and all(isinstance(o.step, Keep) for o in self.outputs)


def _offsets(lengths: pa.Array) -> pa.Array:
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
