"""Patterns mean what they name, here and in Meltano; a catalog with them applied is the one that Meltano makes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tap_adapters.selection import applied, patterns

MELTANO = Path(__file__).resolve().parents[2] / ".venv-meltano" / "bin" / "python"
APPLY = """
import json, sys
from meltano.core.plugin.singer.catalog import MetadataExecutor, select_metadata_rules
from meltano.core.plugin.singer.tap import config_metadata_rules
given = json.load(sys.stdin)
rules = select_metadata_rules(["!*.*"])
rules += [*select_metadata_rules(given["select"]), *config_metadata_rules(given["metadata"])]
MetadataExecutor(rules).visit(given["catalog"])
open(sys.argv[1], "w").write(json.dumps(given["catalog"]))
"""


def stream(name: str, *columns: str, **inclusions: str) -> dict[str, Any]:
    metadata: list[dict[str, Any]] = [{"breadcrumb": [], "metadata": {"inclusion": "available"}}]
    metadata += [
        {"breadcrumb": ["properties", c], "metadata": {"inclusion": inclusions.get(c, "available")}} for c in columns
    ]
    return {
        "tap_stream_id": name,
        "stream": name,
        "schema": {"type": "object", "properties": {column: {"type": "string"} for column in columns}},
        "metadata": metadata,
    }


def selected(catalog: dict[str, Any]) -> dict[str, Any]:
    return {
        one["tap_stream_id"]: {
            tuple(m["breadcrumb"]): (m["metadata"].get("selected"), m["metadata"].get("replication-key"))
            for m in one["metadata"]
        }
        for one in catalog["streams"]
    }


def test_a_catalog_is_selected_as_meltano_does_it(tmp_path: Path) -> None:
    catalog = {
        "streams": [
            stream("public-orders", "id", "total", "to.tal", "a[b", "odd", id="automatic", odd="unsupported"),
            stream("public.orders", "id"),
            stream("other", "id"),
        ]
    }
    catalog["streams"][2]["metadata"].append(
        {"breadcrumb": ["properties", "id", "properties", "in"], "metadata": {"inclusion": "available"}}
    )
    select = [
        *patterns("public-orders", ["to.tal", "a[b", "odd"], ["id"]),
        *patterns("public.orders", []),
        *patterns("other", ["id"], nested=True),
    ]
    metadata = {"public-orders": {"replication-method": "INCREMENTAL", "replication-key": "id"}}
    given = json.dumps({"catalog": catalog, "select": select, "metadata": metadata})
    theirs = tmp_path / "catalog.json"
    subprocess.run([MELTANO, "-c", APPLY, theirs], input=given, capture_output=True, text=True, check=True)
    ours = applied(catalog, select, metadata)
    assert selected(ours) == selected(json.loads(theirs.read_text()))
    assert selected(ours)["public-orders"][("properties", "to.tal")] == (True, None)
    assert selected(ours)["public-orders"][("properties", "total")] == (False, None)
    assert selected(ours)["public-orders"][()] == (True, "id")


def test_streams_that_no_pattern_names_are_left_out() -> None:
    found = applied({"streams": [stream("a", "id"), stream("b", "id")]}, patterns("a", ["id"]), {})
    assert [one["selected"] for one in found["streams"]] == [True, False]
