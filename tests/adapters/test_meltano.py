"""Settings that go to Meltano by the environment reach the tap as the adapter made them, of whatever kind."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.source import Source
from tap_adapters.sources import adapt

SOURCES: dict[str, dict[str, Any]] = {
    "stripe": {"objects": ("customers",), "credentials": {"api_key": "sk"}},
    "mysql": {"connection": {"host": "h", "user": "u", "database": "shop"}, "tables": ({"name": "orders"},)},
    "faker": {"engine": "airbyte", "options": {"package": "airbyte-source-faker", "config": {"count": 3, "a": None}}},
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", SOURCES)
def test_settings_come_through_meltano_as_they_are(kind: str, tmp_path: Path, warm_commands: Path) -> None:
    extractor = adapt(Source(kind, **{"engine": "singer", "folder": tmp_path} | SOURCES[kind]))
    settings = [{"name": one.name, "kind": one.kind, "sensitive": one.secret} for one in extractor.settings]
    plugin = {
        "name": extractor.name,
        "namespace": "tap",
        "executable": "true",
        "capabilities": [],
        "settings": settings,
    }
    project = {"default_environment": "dev", "environments": [{"name": "dev"}], "plugins": {"extractors": [plugin]}}
    (tmp_path / "meltano.yml").write_text(json.dumps(project))
    prefix = extractor.name.replace("-", "_").upper()
    given = {
        f"{prefix}_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in extractor.config.items()
    }
    quiet = {"MELTANO_CLI_DISABLE_VERSION_CHECK": "1", "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"}
    meltano = [warm_commands / "meltano", "--log-level", "error"]
    done = subprocess.run(
        [*meltano, "invoke", "--no-install", "--dump", "config", extractor.name],
        cwd=tmp_path, env=os.environ | quiet | given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == dict(extractor.config)
