"""The settings of mapper-markdown-kv, checked."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from tap_adapters.common.checking import check_choice, converted
from tap_adapters.common.errors import SettingsError
from tap_adapters.markdown_kv.rows import STRUCTURED

STRING, RAW_FILE, STRUCTURED_MODE = "string", "raw_file", "structured"
MODES = (STRING, RAW_FILE, STRUCTURED_MODE)
EXTENSIONS = (".mdkv", ".md")
FIELDS = {"stream", "doc_id", "date", "timestamp"}
PATH_PATTERN = "{stream}/{doc_id}"


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as written by the user; null means the default."""

    mode: str | None = None
    structured_pattern: str | None = None
    streams: list[str] | None = None
    doc_id_columns: dict[str, list[str]] | None = None
    output_path: str | None = None
    path_pattern: str | None = None
    file_extension: str | None = None


@dataclass(frozen=True, slots=True)
class MapperSettings:
    """What becomes of which streams. `output_path` is set exactly when the mode is `raw_file`."""

    mode: str
    structured_pattern: str | None
    streams: tuple[str, ...]
    doc_id_columns: Mapping[str, tuple[str, ...]]
    output_path: Path | None
    path_pattern: str

    def takes(self, stream: str) -> bool:
        """Whether a stream is to be turned into Markdown-KV."""
        return any(fnmatchcase(stream, pattern) for pattern in self.streams)


def read_settings(config: Mapping[str, Any]) -> MapperSettings:
    """Return the settings; SettingsError if they are unusable or contradict each other."""
    given = converted(dict(config), _Given, "")
    mode = given.mode or STRING
    check_choice(mode, MODES, "mode")
    check_choice(given.structured_pattern, STRUCTURED, "structured_pattern")
    check_choice(given.file_extension, EXTENSIONS, "file_extension")
    if (given.structured_pattern is not None) != (mode == STRUCTURED_MODE):
        raise SettingsError("Setting 'structured_pattern' goes with 'mode: structured', and only with it.")
    if bool(given.output_path) != (mode == RAW_FILE):
        raise SettingsError(
            "Setting 'output_path', the folder of the files, goes with 'mode: raw_file', and only with it."
        )
    for stream, columns in (given.doc_id_columns or {}).items():
        if not columns:
            raise SettingsError(f"Setting 'doc_id_columns.{stream}' must name at least one column.")
    return MapperSettings(
        mode=mode,
        structured_pattern=given.structured_pattern,
        streams=tuple(given.streams if given.streams is not None else ["*"]),
        doc_id_columns={stream: tuple(columns) for stream, columns in (given.doc_id_columns or {}).items()},
        output_path=Path(given.output_path) if given.output_path else None,
        path_pattern=_pattern(given.path_pattern or PATH_PATTERN, given.file_extension or EXTENSIONS[0]),
    )


def _pattern(pattern: str, extension: str) -> str:
    """Return the pattern with the stream and the extension in it; SettingsError if it can lead out of the folder."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise SettingsError(f"Setting 'path_pattern': {error}.") from error
    fields = {field for _, field, _, _ in parts if field is not None}
    if not fields <= FIELDS or any(form or conversion for _, _, form, conversion in parts):
        raise SettingsError(
            f"Setting 'path_pattern' may hold {', '.join(f'{{{name}}}' for name in sorted(FIELDS))} only."
        )
    if "doc_id" not in fields:
        raise SettingsError("Setting 'path_pattern' must hold {doc_id}, or documents would replace each other.")
    if pattern.startswith("/") or "\\" in pattern or {"", ".", ".."} & set(pattern.split("/")):
        raise SettingsError("Setting 'path_pattern' must be a path below 'output_path': no '..', no empty part.")
    whole = pattern if "stream" in fields else f"{{stream}}/{pattern}"
    return whole if whole.endswith(extension) else whole + extension
