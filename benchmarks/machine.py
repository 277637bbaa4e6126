"""Where and with what the figures were taken."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import venvs
from benchmarks.runners import Runner


def describe() -> dict[str, Any]:
    """Processor, memory, kernel, Python, time and the commit of this checkout."""
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "target_dativo_iceberg")),
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def packages(runners: list[Runner]) -> dict[str, dict[str, str]]:
    """Versions in each environment, of those that could be made."""
    found = {}
    for runner in runners:
        name = runner.environment or (runner.name if runner.packages else "this checkout")
        if name not in found:
            try:
                found[name] = venvs.versions(runner.interpreter())
            except venvs.Unavailable as error:
                found[name] = {"unavailable": str(error)}
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True).stdout.strip()


def _first(path: str, key: str) -> str:
    lines = Path(path).read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")
