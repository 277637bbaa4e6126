"""Singer streams of any length, made once and kept under `.cache/bench/data`.

The same shape, length and share of bad rows give the same bytes (for one version of Arrow).
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import contracts
from benchmarks.shapes import SHAPES, Bad, Shape

BLOCK = 10_000
"""Rows between two STATE lines."""
FIRST_ID = 100_000_000
CACHE = Path(".cache/bench/data")
VERSION = 3
"""Raise when the bytes change: the name of every cached file carries it."""


@dataclass(frozen=True)
class Stream:
    """A stream on disk, and what a table loaded from it must hold.

    Attributes:
        shape: name of the shape.
        path: the Singer messages.
        contract: the ODCS file.
        records: RECORD lines (or rows in the files of BATCH lines).
        bad: rows that break one rule each.
        good_by_stream: rows without a fault, by stream.
        id_sum: sum of `id` over the rows without a fault.
        bad_by_rule: rows that break it, by `column.rule`.
        size: bytes of input.

    """

    shape: str
    path: Path
    contract: Path
    records: int
    bad: int
    good_by_stream: dict[str, int]
    id_sum: int
    bad_by_rule: dict[str, int]
    size: int

    @property
    def good(self) -> int:
        """Rows that the table must hold."""
        return self.records - self.bad


def make(shape_name: str, records: int, bad_share: float = 0.0, cache: Path = CACHE) -> Stream:
    """The stream, from the cache when it is there."""
    stem = cache / f"{shape_name}-{records}-{bad_share:g}-v{VERSION}"
    meta = stem.with_name(stem.name + ".json")
    if not meta.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _write(SHAPES[shape_name], stem, records, bad_share)
    return load(meta)


def types_only(contract: Path) -> Path:
    """The same contract without its rules, beside it."""
    return contract.absolute().with_name(contract.name.replace(".odcs.yaml", ".types.yaml"))


def load(meta: Path) -> Stream:
    """Read the description beside a stream; it is written last, so what it describes is whole."""
    fields = json.loads(meta.read_text())
    fields |= {name: meta.parent / fields[name] for name in ("path", "contract")}
    return Stream(**fields)


def save(stream: Stream, meta: Path) -> None:
    """Write the description beside a stream."""
    fields = asdict(stream) | {"path": stream.path.name, "contract": stream.contract.name}
    meta.write_text(json.dumps(fields))


def _write(shape: Shape, stem: Path, records: int, bad_share: float) -> None:
    path, contract = stem.with_name(stem.name + ".singer"), stem.with_name(stem.name + ".odcs.yaml")
    contract.write_text(contracts.odcs(shape))
    types_only(contract).write_text(contracts.odcs(shape, ruled=False))
    faults = _Faults(shape, bad_share)
    with path.open("wb") as out:
        out.write("".join(f"{line}\n" for line in contracts.schema_messages(shape)).encode())
        for start in range(0, records, BLOCK):
            rows = range(start, min(start + BLOCK, records))
            out.write(_lines(shape, rows, faults))
            out.write(_state(shape, rows.stop))
    bad = sum(faults.by_rule.values())
    stream = Stream(
        shape.name,
        path,
        contract,
        records,
        bad,
        {
            name: _rows_of(place, len(shape.streams), records) - faults.by_stream[name]
            for place, name in enumerate(shape.streams)
        },
        sum(range(FIRST_ID, FIRST_ID + records)) - faults.id_sum,
        dict(faults.by_rule),
        path.stat().st_size,
    )
    save(stream, stem.with_name(stem.name + ".json"))


def _rows_of(place: int, streams: int, records: int) -> int:
    return len(range(place, records, streams))


class _Faults:
    """Which rows are bad and how: evenly spread, every rule of every column in its turn."""

    def __init__(self, shape: Shape, share: float) -> None:
        self.period = round(1 / share) if share else 0
        self.kinds: list[tuple[str, Bad]] = [(column.name, bad) for column in shape.columns for bad in column.bad]
        self.streams = shape.streams
        self.by_rule: Counter[str] = Counter()
        self.by_stream: Counter[str] = Counter()
        self.id_sum = 0

    def put(self, columns: dict[str, pa.Array], rows: range) -> None:
        """Overwrite tokens of this block, and count what was done."""
        for name, tokens in self._tokens(rows).items():
            mask = pc.is_in(_zero_to(len(rows)), value_set=pa.array(list(tokens), pa.int64()))
            columns[name] = pc.replace_with_mask(columns[name], mask, pa.array(list(tokens.values())))

    def _tokens(self, rows: range) -> dict[str, dict[int, str]]:
        """For each column the tokens to put, by place in the block, in order."""
        found: dict[str, dict[int, str]] = {}
        if not self.period:
            return found
        for row in range(rows.start - rows.start % self.period + self.period // 2, rows.stop, self.period):
            if row in rows:
                column, (rule, token) = self.kinds[row // self.period % len(self.kinds)]
                found.setdefault(column, {})[row - rows.start] = token
                self._count(row, f"{column}.{rule}")
        return found

    def _count(self, row: int, rule: str) -> None:
        self.by_rule[rule] += 1
        self.by_stream[self.streams[row % len(self.streams)]] += 1
        self.id_sum += FIRST_ID + row


def _lines(shape: Shape, rows: range, faults: _Faults) -> memoryview:
    """The RECORD lines of a block, joined by Arrow: the data buffer of the array of lines is the text."""
    ids = pc.add(_zero_to(len(rows)), FIRST_ID + rows.start)
    seed = rows.start * 1000
    columns = {column.name: column.draw(ids, seed + 40 * place) for place, column in enumerate(shape.columns)}
    faults.put(columns, rows)
    parts: list[pa.Array | str] = ['{"type": "RECORD", "stream": "', _stream_names(shape, rows), '", "record": {']
    for place, (name, drawn) in enumerate(columns.items()):
        parts += [f"{', ' if place else ''}{json.dumps(name)}: ", drawn]
    parts.append('}, "time_extracted": "2026-01-05T08:00:00.000000+00:00"}\n')
    lines = pc.binary_join_element_wise(*parts, "")
    return memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]


def _stream_names(shape: Shape, rows: range) -> pa.Array:
    if len(shape.streams) == 1:
        return pa.repeat(shape.streams[0], len(rows))
    turn = [row % len(shape.streams) for row in rows]
    return pc.take(pa.array(shape.streams), pa.array(turn))


def _state(shape: Shape, rows: int) -> bytes:
    bookmarks = {
        stream: {"replication_key": "id", "replication_key_value": FIRST_ID + rows - 1} for stream in shape.streams
    }
    return (json.dumps({"type": "STATE", "value": {"bookmarks": bookmarks}}) + "\n").encode()


@cache
def _zero_to(count: int) -> pa.Array:
    return pa.array(range(count), pa.int64())
