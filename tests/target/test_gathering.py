"""Short runs of a stream that wait for more: nothing lost, nothing out of order, bounded."""

from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.envelope import Schema
from target_dativo_iceberg.gathering import Gathered, Gathering
from target_dativo_iceberg.line_arrays import data_of
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.streams import Stream, Streams

_ROOM = 100_000
_NAMES = ("orders", "customers", "visits")


def _streams(tmp_path: Path) -> dict[str, Stream]:
    settings = parse({"warehouse": str(tmp_path)})
    made = Streams(settings, Contracts(settings), tmp_path)
    properties = {"properties": {"id": {"type": ["integer"]}}}
    return {name: made.open(Schema(name, properties, ()), None) for name in _NAMES}


def _line(number: int) -> bytes:
    return f'{{"type":"RECORD","stream":"s","record":{{"id":{number}}}}}\n'.encode()


def _numbered(found: list[Gathered]) -> list[tuple[str, int, bytes]]:
    """Stream, number and text of each line, in order."""
    runs = [(gathered.stream.name, gathered.records()) for gathered in found]
    return [(name, run.line_number(row), run.lines[row].as_py()) for name, run in runs for row in range(len(run.lines))]


def test_lines_come_out_once_in_the_order_of_their_stream_with_their_numbers(tmp_path: Path) -> None:
    streams = _streams(tmp_path)
    gathering = Gathering(_ROOM)
    found: list[Gathered] = []
    sent: dict[str, list[tuple[int, bytes]]] = {name: [] for name in _NAMES}
    for block in range(300):
        lines = pa.array([_line(row) for row in range(block * 30, block * 30 + 30)], pa.binary())
        for turn, name in enumerate(_NAMES[: 1 + block % 3]):
            mask = pa.array([row % (1 + block % 3) == turn for row in range(30)], pa.bool_())
            run = Records(name, lines.filter(mask), block * 30 + 1, 0, mask)
            sent[name] += [(block * 30 + 1 + row, lines[row].as_py()) for row in range(30) if mask[row].as_py()]
            found += gathering.add(streams[name], run, None)
            waiting = sum(len(line) for lines in sent.values() for _, line in lines) - sum(g.nbytes for g in found)
            assert waiting <= _ROOM
    assert 2 < len(found) < 30
    found += gathering.all()
    for name in _NAMES:
        assert [(number, line) for stream, number, line in _numbered(found) if stream == name] == sent[name]
    assert not list(gathering.all())


def test_what_waits_does_not_hold_the_block_that_it_was_cut_from(tmp_path: Path) -> None:
    streams = _streams(tmp_path)
    gathering = Gathering(_ROOM)
    block = pa.array([_line(row) for row in range(10_000)], pa.binary())
    for start in (0, 5000):
        assert not list(gathering.add(streams["orders"], Records("orders", block.slice(start, 10)), None))
    (found,) = gathering.all()
    assert all(run.lines.buffers()[2].size == data_of(run.lines).size for run in found.runs)


def test_a_run_that_is_long_enough_goes_on_at_once_without_a_copy(tmp_path: Path) -> None:
    streams = _streams(tmp_path)
    lines = pa.array([_line(row) for row in range(60_000)], pa.binary())
    (found,) = Gathering(_ROOM).add(streams["orders"], Records("orders", lines), None)
    assert found.records().lines.buffers()[2].address == lines.buffers()[2].address
