"""What a tap finds in its source: its own answer to `--discover`, asked with the job's settings and secrets."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dativo_ingest.errors import RunError
from dativo_ingest.meltano import tap_environment
from dativo_ingest.redaction import Redactor
from tap_adapters.extractor import Extractor

_SECONDS = 600


def discover(
    extractor: Extractor, executable: str, environment: Mapping[str, str], redactor: Redactor
) -> dict[str, Any]:
    """Return the tap's catalog.

    Args:
        extractor: the tap.
        executable: path of its command.
        environment: of this process.
        redactor: hides secrets in what the tap says when it fails.

    Raises:
        RunError: it fails, does not answer, or answers something else.

    """
    with tempfile.TemporaryDirectory(prefix="dativo-discover-") as folder:
        config = Path(folder) / "config.json"
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(dict(extractor.config), file)
        command = [executable, "--config", str(config), "--discover"]
        try:
            done = subprocess.run(  # noqa: S603 - the tap of the recipe
                command,
                env=tap_environment(executable, environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RunError(f"{extractor.name} does not answer --discover", "check the source") from None
        except OSError as error:
            raise RunError(f"{extractor.name} cannot be started ({error.strerror})", "install it anew") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        last = redactor.clean(said[-1].strip()) if said else "it says nothing"
        raise RunError(f"{extractor.name} cannot look at its source (exit code {done.returncode}): {last}")
    try:
        catalog: dict[str, Any] = json.loads(done.stdout)
        return {"streams": list(catalog["streams"])}
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{extractor.name} printed no catalog", "check that it is a Singer tap") from None


def objects_of(catalog: Mapping[str, Any], extractor: Extractor) -> list[dict[str, Any]]:
    """Return what people want to know of a catalog: an entry for each stream, those the job reads marked."""
    return [_object(stream, extractor) for stream in catalog["streams"]]


def _object(stream: Mapping[str, Any], extractor: Extractor) -> dict[str, Any]:
    name = str(stream.get("tap_stream_id") or stream.get("stream"))
    root: Mapping[str, Any] = next(
        (entry["metadata"] for entry in stream.get("metadata") or [] if not entry.get("breadcrumb")), {}
    )
    return {
        "name": name,
        "object": extractor.streams.get(name),
        "selected": name in extractor.streams,
        "keys": list(stream.get("key_properties") or root.get("table-key-properties") or []),
        "cursors": list(root.get("valid-replication-keys") or []),
        "columns": sorted((stream.get("schema") or {}).get("properties") or {}),
    }
