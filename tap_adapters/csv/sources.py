"""Files on disk as CSV texts: the parts of each, and how their bytes and text are opened."""

from __future__ import annotations

import codecs
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from tap_adapters.common.errors import FileError
from tap_adapters.common.text import codec_of

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".zip")
MAX_LINE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """One CSV text: a file, or one member of a zip archive."""

    path: Path
    member: str | None = None
    shown: str | None = None

    @property
    def label(self) -> str:
        """The name by which logs, errors and `_sdc_source_file` speak of it: `dir/a.csv` or `dir/a.zip!b.csv`.

        A copy of a file from elsewhere is `shown` by the name it has there.
        """
        name = self.shown or str(self.path)
        return name if self.member is None else f"{name}!{self.member}"


def parts_of(path: Path, shown: str | None = None) -> list[Part]:
    """Return the CSV texts inside a file: itself, or the members of a `.zip` in the order of their names."""
    if path.suffix.lower() != ".zip":
        return [Part(path, shown=shown)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise FileError(_failure(Part(path, shown=shown), error)) from error
    return [Part(path, name, shown) for name in _csv_members(members, shown or str(path))]


@contextmanager
def open_bytes(part: Part) -> Iterator[io.BufferedReader]:
    """Open the uncompressed bytes of a part. What fails now or while reading is a FileError that names the part."""
    with ExitStack() as stack:
        try:
            raw = _open_raw(part, stack)
        except (OSError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise FileError(_failure(part, error)) from error
        yield stack.enter_context(io.BufferedReader(GuardedBytes(raw, part), 2**18))


@contextmanager
def open_text(part: Part, encoding: str) -> Iterator[tuple[TextIO, GuardedBytes]]:
    """Open a part as text with its line ends kept, and the bytes under it. A BOM goes before `encoding`."""
    with open_bytes(part) as data:
        codec = skip_bom(data, encoding)
        source = data.raw
        assert isinstance(source, GuardedBytes)
        with io.TextIOWrapper(data, encoding=codec, newline="") as text:
            yield text, source


def skip_bom(data: io.BufferedReader, encoding: str) -> str:
    """Move past a byte order mark and return the encoding it means; `encoding` when there is none."""
    codec, length = codec_of(data.peek(4), encoding)
    data.read(length)
    return codec


def undecodable(part: Part, encoding: str) -> FileError:
    """Return the error for a part whose bytes are not text in its encoding, with the line where that shows."""
    breaks = io.IncrementalNewlineDecoder(None, translate=True)
    line = 1
    with open_bytes(part) as data:
        codec = skip_bom(data, encoding)
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            while chunk := data.read(2**16):
                line += breaks.decode(decoder.decode(chunk)).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += breaks.decode(error.object[: error.start].decode(codec)).count("\n")
    return FileError(f"{part.label}, line {line}: the bytes are not valid {codec}; set 'encoding' for this file.")


class GuardedBytes(io.RawIOBase):
    """Bytes of one part: failures of disk, gzip and zip become a FileError, and a line without end is refused.

    `total` is the number of bytes read so far.
    """

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file = file
        self._part = part
        self._since_break = 0
        self.total = 0

    def readable(self) -> bool:
        """Yes; it is for reading only."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer and return the number of bytes; FileError when the file lets us down."""
        try:
            data = self._file.read(len(buffer))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise FileError(_failure(self._part, error)) from error
        buffer[: len(data)] = data
        self.total += len(data)
        self._check_line(data)
        return len(data)

    def _check_line(self, data: bytes) -> None:
        if b"\n" in data or b"\r" in data:
            self._since_break = 0
        self._since_break += len(data)
        if self._since_break > MAX_LINE_BYTES:
            limit = MAX_LINE_BYTES // 2**20
            raise FileError(f"{self._part.label}: a line is longer than {limit} MB; this is no CSV file.")


def _csv_members(members: list[zipfile.ZipInfo], archive: str) -> list[str]:
    """Choose the CSV members of an archive; a lone member counts whatever its name."""
    files = [member for member in members if not member.is_dir() and not _is_litter(member.filename)]
    chosen = files if len(files) == 1 else [m for m in files if m.filename.lower().endswith((".csv", ".tsv"))]
    if not chosen:
        raise FileError(f"{archive}: it holds no member that ends in .csv or .tsv.")
    if any(member.flag_bits & 1 for member in chosen):
        raise FileError(f"{archive}: the archive is encrypted; only unencrypted ones are read.")
    return sorted(member.filename for member in chosen)


def _is_litter(member: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in member.split("/"))


def _open_raw(part: Part, stack: ExitStack) -> BinaryIO:
    if part.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(part.path))
        return stack.enter_context(archive.open(part.member))  # type: ignore[return-value]
    file = stack.enter_context(part.path.open("rb", buffering=0))
    if part.path.suffix.lower() != ".gz":
        return file
    import gzip  # noqa: PLC0415 - most runs have no compressed file

    return stack.enter_context(gzip.open(file))  # type: ignore[return-value]


def _failure(part: Part, error: Exception) -> str:
    """Say why a part cannot be read. The text of gzip's and zip's own errors can quote the file, so it is not used."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{part.label}: cannot be read: {os.strerror(error.errno)}."
    kind = "zip archive" if part.path.suffix.lower() == ".zip" else "gzip file"
    return f"{part.label}: is not a valid {kind}, or it is cut short."
