"""The command of a tap: one that is there, or one installed once into an environment of its own for all jobs."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dativo_ingest import private_files
from dativo_ingest.errors import RunError
from dativo_ingest.events import Events
from dativo_ingest.meltano import find_executable
from dativo_ingest.places import Places
from tap_adapters.extractor import Extractor

_FOLDER = ".taps"  # no tenant's name begins with a dot
_WAIT_SECONDS = 900
BRIDGE = "tap-airbyte"


def ensure_tap(
    extractor: Extractor, places: Places, environment: Mapping[str, str], events: Events, *, install: bool
) -> str:
    """Return the path of a tap's command.

    Raises:
        RunError: it is not there and may not, or cannot, be installed.

    """
    found = find_executable(extractor.executable, environment)
    if found is not None:
        return found
    if extractor.package is None:
        raise RunError(
            f"tap '{extractor.executable}' is not found", "install it, or name its path in engine.options.executable"
        )
    digest = hashlib.sha256(extractor.package.encode()).hexdigest()[:12]
    home = places.state / _FOLDER / f"{extractor.name}-{digest}"
    command = home / "bin" / Path(extractor.executable).name
    if command.exists():
        return str(command)
    if not install:
        raise RunError(
            f"tap '{extractor.executable}' is not installed",
            "run `dativo install` with the same options, or leave --no-install out",
        )
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with private_files.locked(home.parent / f"{home.name}.lock", _WAIT_SECONDS):
        if not command.exists():
            events.say("tap_installing", f"installing {extractor.package}", package=extractor.package)
            _install(extractor.package, home, environment)
    if not command.exists():
        raise RunError(
            f"package {extractor.package} has no command '{extractor.executable}'", "check the recipe's options"
        )
    return str(command)


def with_source(
    extractor: Extractor, places: Places, environment: Mapping[str, str], events: Events, *, install: bool
) -> Extractor:
    """Return a tap with what it runs beside it: the bridge needs an Airbyte source, by a package of its own.

    Raises:
        RunError: the source is not there and may not, or cannot, be installed.

    """
    package = extractor.config.get("package")
    if extractor.name != BRIDGE or not package or extractor.config.get("source"):
        return extractor
    name = re.split(r"[=<>~! \[]", str(package), maxsplit=1)[0]
    program = replace(extractor, name=name, executable=name.removeprefix("airbyte-"), package=str(package), config={})
    source = ensure_tap(program, places, environment, events, install=install)
    rest = {key: value for key, value in extractor.config.items() if key != "package"}
    return replace(extractor, config={**rest, "source": source})


def _install(package: str, home: Path, environment: Mapping[str, str]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    uv = _uv(environment)
    python = home / "bin" / "python"
    if uv:
        steps = [
            [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "--quiet", "--python", str(python), package],
        ]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(home)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package],
        ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            shutil.rmtree(home, ignore_errors=True)
            said = done.stderr.strip().splitlines()
            raise RunError(f"package {package} cannot be installed ({said[-1] if said else 'no reason given'})")


def _uv(environment: Mapping[str, str]) -> str | None:
    """Return uv's path: Meltano brings it along."""
    meltano = shutil.which(environment.get("DATIVO_MELTANO") or "meltano", path=environment.get("PATH"))
    beside = Path(meltano).resolve().parent / "uv" if meltano else None
    if beside is not None and beside.exists():
        return str(beside)
    return shutil.which("uv", path=environment.get("PATH"))
