"""Contracts of the tables that the tests of databases read, in dativo's own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def contract(folder: Path, name: str, /, **columns: str) -> dict[str, Any]:
    """The target's settings for a contract of one object whose columns have the given types; the first is required."""
    schema = [{"name": column, "type": kind, "required": not n} for n, (column, kind) in enumerate(columns.items())]
    document = {
        "apiVersion": "v3.0.2", "kind": "DataContract", "name": name, "version": "1.0", "source_type": "test",
        "object": name, "schema": schema, "team": {"owner": "t@example.org"},
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return {"contract_path": str(path)}
