"""Pieces of BATCH files on their way to the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_dativo_iceberg.adoption import Piece
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.stage import Staged, stage, stage_arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from target_dativo_iceberg.batch import Plan
    from target_dativo_iceberg.contract.privacy.protection import Privacy
    from target_dativo_iceberg.contract.rules.verdict import Judge
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.streams import Stream
    from target_dativo_iceberg.workers import Workers


def submit(
    workers: Workers,
    stream: Stream,
    piece: Records | pa.RecordBatch | Piece,
    row: int,
    name: str,
    stamp: Stamp | None,
) -> None:
    """Hand a piece to the workers.

    Args:
        workers: they.
        stream: whose rows it has.
        piece: of a BATCH file.
        row: number of its first row there.
        name: of the file.
        stamp: what the target itself says of the rows.

    """
    plan, judge, privacy, seals = stream.batch_plan, stream.judge, stream.privacy, not stream.ordered
    if isinstance(piece, Records):
        workers.submit(stream, piece.nbytes, stage, plan, judge, piece, privacy, stamp, seals=seals)
    elif isinstance(piece, Piece):
        file = (row, name, privacy)
        workers.submit(stream, piece.nbytes, _stage_piece, plan, judge, piece, *file, seals=seals, candidate=piece.of)
    else:
        about = (row, name, privacy, stamp)
        workers.submit(stream, piece.nbytes, stage_arrow, plan, judge, piece, *about, seals=seals)


def _stage_piece(
    plan: Plan, judge: Judge, piece: Piece, first_row: int, name: str, privacy: Privacy, *, seals: bool
) -> Staged:
    """Stage rows of a file that may be adopted."""
    piece.of.compare(piece.group, piece.batch)
    return stage_arrow(plan, judge, piece.batch, first_row, name, privacy, seals=seals)
