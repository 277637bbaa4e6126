"""One file per document below one folder: written whole or not at all, never outside, never over another document.

A name is made of the stream and the doc_id in percent-encoding, so that two documents cannot share one. What stands
there already is replaced only if its front matter names the same document.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from tap_adapters.common.errors import FileError
from tap_adapters.markdown_kv.front_matter import FrontMatterError
from tap_adapters.markdown_kv.parse import parse
from tap_adapters.markdown_kv.reading import MAX_BYTES, read_text

MAX_NAME = 150
"""Longer names are cut and get a digest of the whole; file systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written: its path below the folder, its size in bytes, the digest of its content."""

    path: str
    size: int
    sha256: str


class RawFiles:
    """The files of one run, all of one moment."""

    def __init__(self, folder: Path, pattern: str, moment: datetime) -> None:
        self._folder = folder
        self._pattern = pattern
        self._date = f"{moment:%Y-%m-%d}"
        self._timestamp = f"{moment:%Y%m%dT%H%M%SZ}"
        self._unsynced: set[Path] = set()

    def put(self, stream: str, doc_id: str, text: str) -> Written:
        """Write a document; FileError if that cannot be, or if another document has its place."""
        name = self._pattern.format(
            stream=_safe(stream), doc_id=_safe(doc_id), date=self._date, timestamp=self._timestamp
        )
        path = self._folder / name
        content = text.encode()
        if len(content) > MAX_BYTES:
            raise FileError(f"{path}: the document is larger than {MAX_BYTES // 2**20} MB.")
        with _failures_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._check_inside(path)
            self._check_same(path, doc_id)
            _replace(path, content)
        self._unsynced.add(path.parent)
        return Written(name, len(content), hashlib.sha256(content).hexdigest())

    def sync(self) -> None:
        """Make sure that every name written so far outlives a loss of power: what a STATE behind them promises."""
        for folder in self._unsynced:
            with _failures_of(folder):
                descriptor = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        self._unsynced.clear()

    def _check_inside(self, path: Path) -> None:
        if not path.parent.resolve().is_relative_to(self._folder.resolve()):
            raise FileError(f"{path}: a link leads out of the folder 'output_path'; remove it.")

    def _check_same(self, path: Path, doc_id: str) -> None:
        if not path.is_symlink() and not path.exists():
            return
        if path.is_symlink() or not path.is_file() or _doc_id_of(path) != doc_id:
            raise FileError(f"{path}: what stands there is not this document; move it away, or set 'path_pattern'.")


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _doc_id_of(path: Path) -> str | None:
    try:
        return parse(read_text(path, "utf-8")).front_matter("doc_id")
    except (FrontMatterError, FileError):
        return None


def _safe(text: str) -> str:
    """Return a text as part of a file's name; two texts give two names."""
    name = quote(text, safe="")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name) <= MAX_NAME:
        return name
    return f"{name[:100]}~{hashlib.sha256(text.encode()).hexdigest()[:48]}"


@contextmanager
def _failures_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {os.strerror(error.errno or 0)}.") from error
