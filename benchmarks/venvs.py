"""A virtual environment for each peer, so that its requirements never meet ours."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

VENVS = Path(".cache/bench/venvs")
UV = Path(".venv-tools/bin/uv")


class Unavailable(Exception):
    """A runner cannot be installed or cannot be run here; the text is the reason."""


def python(name: str, packages: tuple[str, ...], root: Path = VENVS) -> Path:
    """The interpreter of the environment, made when it is not there or its pins have changed."""
    home = root / name
    mark = home / "pins.sha256"
    pins = hashlib.sha256("\n".join(packages).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != pins:
        _install(home, packages)
        mark.write_text(pins)
    return home / "bin" / "python"


def versions(interpreter: Path) -> dict[str, str]:
    """Every package of an environment and its version."""
    listing = subprocess.run([interpreter, "-c", _LIST], check=True, capture_output=True, text=True)
    return json.loads(listing.stdout)


_LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name: d.version for d in sorted(distributions(), key=lambda d: d.name.lower())}))
"""


def _install(home: Path, packages: tuple[str, ...]) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    for command in (
        [base, "-m", "venv", "--clear", "--without-pip", home],
        [UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", home / "bin" / "python", *packages],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Unavailable(f"cannot be installed: {last}")
