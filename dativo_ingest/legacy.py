"""Older spellings of jobs, recipes, registries and runner files → the ones the models know, with a note for each.

The only place that knows them: it stands in front of the models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dativo_ingest.documents import Document, Way
from dativo_ingest.errors import Problem
from target_dativo_iceberg.contract.reading.document import Block, Items

_S3_KEYS = (
    "endpoint",
    "bucket",
    "prefix",
    "access_key_id",
    "secret_access_key",
    "region",
    "path_style_access",
    "secure",
)
_FILE_KEYS = {"file": "path", "file_path": "path", "file_id": "id"}
_SHEET_KEYS = {"spreadsheet_id": "id"}
_INCREMENTAL_KEYS = {"cursor_field_default": "cursor_field", "lookback_days_default": "lookback_days"}
_RETRY_KEYS = {"retry_delay_seconds": "initial_delay_seconds", "retryable_errors": "retryable_error_patterns"}
_RECIPE_INCREMENTAL = {new: old for old, new in _INCREMENTAL_KEYS.items()}
_DROPPED_TARGET = ("spreadsheet_id", "range")


class _Notes:
    """Renames keys of one document, and remembers what it did."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.found: list[Problem] = []

    def say(self, line: int, message: str, hint: str = "") -> None:
        self.found.append(Problem(f"{self._document.path}:{line}", message, hint))

    def rename(self, block: Block, names: Mapping[str, str], path: str) -> None:
        for old, new in names.items():
            if old in block and new not in block:
                line = block.lines[old]
                block.put(new, block.drop(old), line)
                self.say(line, f"'{path}{old}' is an older name", f"write '{new}'")


def modernise_job(document: Document) -> list[Problem]:
    """Rewrite a job in place; return the notes."""
    notes = _Notes(document)
    source, target = _block(document.block, "source"), _block(document.block, "target")
    _retry(_block(document.block, "retry_config"), notes)
    _files_and_sheets(source, notes)
    _incremental(source, notes)
    _target(target, notes)
    return notes.found


def modernise_recipe(document: Document) -> list[Problem]:
    """Rewrite a recipe in place; return the notes."""
    notes = _Notes(document)
    notes.rename(document.block, {"partition_by_default": "partitioning_default"}, "")
    notes.rename(_block(document.block, "incremental"), _RECIPE_INCREMENTAL, "incremental.")
    _flat_connection(_block(document.block, "connection_template"), notes, "connection_template.")
    return notes.found


def modernise_registry(document: Document) -> list[Problem]:
    """Join the older split of a registry into sources and targets; return the notes."""
    notes = _Notes(document)
    root = document.block
    if "connectors" in root or not ({"sources", "targets"} & root.keys()):
        return []
    joined = Block(root.line)
    for key, role in (("sources", "source"), ("targets", "target")):
        part = _block(root, key)
        line = root.lines.get(key, root.line)
        for name, entry in part.items():
            known = joined.get(name, entry)
            if isinstance(known, Block):
                roles = known.get("roles") or Items(line)
                if role not in roles:
                    roles.put(role, line)
                known.put("roles", roles, line)
            joined.put(name, known, part.lines[name])
        root.drop(key)
    root.put("connectors", joined, root.line)
    notes.say(root.line, "'sources' and 'targets' are an older form of the registry", "write 'connectors' with 'roles'")
    return notes.found


def modernise_runner(document: Document) -> tuple[Document, list[Problem]]:
    """Take the content of a runner file out of its `runner:` wrapper, if it has one; both forms are good."""
    inner = document.block.get("runner")
    return (Document(document.path, inner) if isinstance(inner, Block) else document), []


def _block(parent: Block, key: str) -> Block:
    value = parent.get(key)
    return value if isinstance(value, Block) else Block(parent.line)


def _blocks(parent: Block, key: str) -> Iterator[tuple[int, Block]]:
    value = parent.get(key)
    for index, item in enumerate(value if isinstance(value, Items) else ()):
        if isinstance(item, Block):
            yield index, item


def _retry(retry: Block, notes: _Notes) -> None:
    notes.rename(retry, _RETRY_KEYS, "retry_config.")
    attempts = retry.get("max_attempts")
    if isinstance(attempts, int) and "max_retries" not in retry:
        line = retry.lines["max_attempts"]
        retry.drop("max_attempts")
        retry.put("max_retries", max(attempts - 1, 0), line)
        notes.say(line, "'retry_config.max_attempts' is an older name", "write 'max_retries', one less")


def _files_and_sheets(source: Block, notes: _Notes) -> None:
    _lone_spreadsheet(source, notes)
    notes.rename(source, {"spreadsheets": "sheets"}, "source.")
    for index, file in _blocks(source, "files"):
        notes.rename(file, _FILE_KEYS, f"source.files[{index}].")
    for index, sheet in _blocks(source, "sheets"):
        notes.rename(sheet, _SHEET_KEYS, f"source.sheets[{index}].")


def _lone_spreadsheet(source: Block, notes: _Notes) -> None:
    """Make one entry of sheets of a spreadsheet that stands at the source itself."""
    if "spreadsheet_id" not in source or "sheets" in source or "spreadsheets" in source:
        return
    line = source.lines["spreadsheet_id"]
    sheet = Block(line)
    for old, new in (("spreadsheet_id", "id"), ("range", "range"), ("sheet", "sheet")):
        if old in source:
            sheet.put(new, source.drop(old), line)
    sheets = Items(line)
    sheets.put(sheet, line)
    source.put("sheets", sheets, line)
    notes.say(line, "'source.spreadsheet_id' is an older name", "write 'sheets: [{id: …}]'")


def _incremental(source: Block, notes: _Notes) -> None:
    value = source.get("incremental", ...)
    if value is ...:
        return
    if not isinstance(value, Block) or not value:
        if value is None or value == {}:
            source.drop("incremental")  # null and {} switch it off
        return
    notes.rename(value, _INCREMENTAL_KEYS, "source.incremental.")
    line = value.lines.get("strategy", value.line)
    match value.get("strategy"):
        case "full_refresh":
            source.drop("incremental")
            notes.say(line, "strategy 'full_refresh' reads everything", "leave 'incremental' out")
        case "incremental":
            value.drop("strategy")
            notes.say(line, "strategy 'incremental' means the connector's own", "name it, or leave 'strategy' out")


def _target(target: Block, notes: _Notes) -> None:
    for key in _DROPPED_TARGET:
        if key in target:
            notes.say(target.lines[key], f"'target.{key}' has never had an effect", "remove it")
            target.drop(key)
    _flat_connection(_block(target, "connection"), notes, "target.connection.")


def _flat_connection(connection: Block, notes: _Notes, path: str) -> None:
    """Bring the forms of a connection together: `nessie` as a text, `minio` for `s3`, S3's keys without a level."""
    nessie = connection.get("nessie")
    if isinstance(nessie, str):
        line = connection.lines["nessie"]
        server = Block(line)
        server.put("uri", nessie, line)
        connection.put("nessie", server, line)
    notes.rename(connection, {"minio": "s3"}, path)
    flat = [key for key in _S3_KEYS if key in connection]
    if not flat or "s3" in connection:
        return
    line = connection.lines[flat[0]]
    store = Block(line)
    for key in flat:
        at = connection.lines[key]
        store.put(key, connection.drop(key), at)
    connection.put("s3", store, line)
    notes.say(line, f"the keys of a store stand at '{path.rstrip('.')}' itself", f"put them under '{path}s3'")


__all__ = ["Way", "modernise_job", "modernise_recipe", "modernise_registry", "modernise_runner"]
