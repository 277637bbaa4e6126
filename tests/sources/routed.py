"""A tap whose HTTP goes to loopback: a script beside the real command that sets up its Python and becomes it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

ROUTING = Path(__file__).with_name("routing")


def routed(command: Path, routes: Mapping[str, str], folder: Path) -> Path:
    """Write the script; `routes` maps hosts to base URLs. It works under Meltano too, which drops our PYTHONPATH."""
    script = folder / f"routed-{command.name}"
    lines = [
        "#!/bin/sh",
        f"export PYTHONPATH={shlex.quote(str(ROUTING))}",
        f"export DATIVO_TEST_ROUTES={shlex.quote(json.dumps(dict(routes)))}",
        f'exec {shlex.quote(str(command))} "$@"',
    ]
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    return script
