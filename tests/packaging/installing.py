"""The wheel of this checkout, and what installs it from its file, with the pinned packages beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv-tools" / "bin" / "uv"
# Read before any test has a home of its own: what is there need not be fetched again.
CACHE = Path(os.environ.get("UV_CACHE_DIR", Path("~/.cache/uv").expanduser()))


def run(*command: str | Path, **options: object) -> str:
    """Run a command that has to succeed; what it prints."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-3000:]
    return str(done.stdout)


def build(folder: Path) -> Path:
    """Build the wheel into a folder, with the build tools that are pinned."""
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def environment(home: Path, programs: Path, wheel: Path, constraints: str) -> dict[str, str]:
    """The environment of somebody who installs.

    Args:
        home: of theirs; pipx keeps what it installs below it.
        programs: what is looked for here first.
        wheel: what our own name stands for, whatever a registry has under it.
        constraints: which file of `requirements` has the versions of the others.

    """
    own = home / "own.txt"
    own.write_text(f"target-dativo-iceberg @ {wheel.as_uri()}\n")
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join(map(str, (programs, UV.parent, kept["PATH"]))),
        "PIPX_HOME": str(home / "pipx"),
        "PIPX_BIN_DIR": str(home / "bin"),
        "PIPX_DEFAULT_BACKEND": "uv",
        "UV_CACHE_DIR": str(CACHE),
        "UV_CONSTRAINT": f"{own} {ROOT / 'requirements' / constraints}",
    }


def venv_with_pip(folder: Path) -> Path:
    """Make a virtual environment whose `pip` is uv, which is quick; return the folder of its commands."""
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    pip = folder / "bin" / "pip"
    pip.write_text(f"#!/bin/sh\nVIRTUAL_ENV='{folder}' exec '{UV}' pip \"$@\"\n")
    pip.chmod(0o755)
    return folder / "bin"
