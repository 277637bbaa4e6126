"""Virtual environments of real taps, servers and schedulers from PyPI: one each, made by uv from requirements/taps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from dativo_ingest.stack.state import locked

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "sources"
UV = ROOT / ".venv-tools" / "bin" / "uv"


def tap_venv(name: str) -> Path:
    """The environment of `requirements/taps/NAME.txt`, made the first time; a changed file makes another."""
    requirements = ROOT / "requirements" / "taps" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / f"{name}.lock"):
        if not (folder / "done").exists():
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            _uv(
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--python",
                f"{folder}/bin/python",
                "-r",
                str(requirements),
            )
            (folder / "done").touch()
    return folder


def site_packages(venv: Path) -> Path:
    return next(venv.glob("lib/python*/site-packages"))


def _uv(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([UV, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def main() -> None:
    """Make the environments named on the command line; without names, all of them."""
    known = sorted(path.stem for path in (ROOT / "requirements" / "taps").glob("*.txt"))
    for name in sys.argv[1:] or known:
        print(name, tap_venv(name))


if __name__ == "__main__":
    main()
