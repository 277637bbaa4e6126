"""Pieces of BATCH files: how their rows are staged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.adoption import Piece, validate
from target_dativo_iceberg.batch import read_exactly
from target_dativo_iceberg.batch_files import unreadable
from target_dativo_iceberg.contract.values.ends import ends
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.stage import Source, Staged, stage, stage_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_dativo_iceberg.adoption import Candidate
    from target_dativo_iceberg.batch import Plan
    from target_dativo_iceberg.contract.privacy.protection import Privacy
    from target_dativo_iceberg.contract.rules.verdict import Judge
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.streams import Stream


def staging(
    stream: Stream, piece: Records | pa.RecordBatch | Piece, row: int, name: str, stamp: Stamp | None
) -> Callable[[], Staged]:
    """Return what stages a piece; it takes nothing of the stream that may change meanwhile.

    Args:
        stream: whose rows it has.
        piece: of a BATCH file.
        row: number of its first row there.
        name: of the file.
        stamp: what the target itself says of the rows.

    """
    plan, judge, privacy, seals = stream.batch_plan, stream.judge, stream.privacy, not stream.ordered
    if isinstance(piece, Records):
        return partial(stage, plan, judge, piece, privacy, stamp, seals=seals)
    if isinstance(piece, Piece):
        return partial(_stage_piece, plan, judge, piece, row, name, privacy, seals=seals)
    return partial(stage_arrow, plan, judge, piece, row, name, privacy, stamp, seals=seals)


def file_of(piece: Records | pa.RecordBatch | Piece) -> Candidate | None:
    """Return the file that a piece is of, when it may be adopted."""
    return piece.of if isinstance(piece, Piece) else None


def _stage_piece(
    plan: Plan, judge: Judge, piece: Piece, first_row: int, name: str, privacy: Privacy, *, seals: bool
) -> Staged:
    """Stage rows of a file that may be adopted: as a whole if they are what they should be, else like any others.

    Raises:
        InputError: values are not of their types.

    """
    found = ends(piece.batch)
    try:
        validate(piece.batch, found)
    except pa.ArrowInvalid as error:
        raise unreadable(name, "parquet", error) from error
    piece.of.compare(piece.group, piece.batch, found)
    rows = read_exactly(plan, piece.batch, found)
    if rows is not None and judge.passes(rows, found):
        return Staged(rows.num_rows, rows, Source(None, piece.batch, first_row, bare=True, privacy=privacy, file=name))
    return stage_arrow(plan, judge, piece.batch, first_row, name, privacy, seals=seals)
