"""A Prometheus textfile of the last run of a job, for the node exporter's textfile collector: gauges, no run ids.

One file per tenant and job. A run that fails keeps when the last one succeeded, since that age is what to alert on.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from target_dativo_iceberg import whole_file
from target_dativo_iceberg.telemetry.events import Event, RunEnded
from target_dativo_iceberg.telemetry.measures import ENDED, PUBLISH, RUN, SUCCESS, Measure, identity, of_streams

_SUCCEEDED = ("success", "partial")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST = 80
Sample = tuple[Measure, Mapping[str, str], float]


class Textfile:
    """Sink: writes the file when the run ends.

    Args:
        directory: that the node exporter reads.

    """

    name = "Prometheus textfile"

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def take(self, event: Event) -> None:
        """Write the file at the end of the run."""
        if isinstance(event, RunEnded):
            write(self._directory, event.report, time.time())


def write(directory: Path, report: Mapping[str, Any], ended: float) -> Path:
    """Write the file of a run's job, whole or not at all, readable for all.

    Args:
        directory: made if it is missing.
        report: a run report; of a job, its target's report with the job's `status`, `seconds` and identity.
        ended: when the run ended, seconds since 1970.

    Returns:
        Path of the file.

    Raises:
        StoreError: it cannot be written; what was there before stays.

    """
    labels = identity(report)
    path = directory / file_name(labels["tenant"], labels["job"])
    found = text(report, ended, _last_success(path))
    whole_file.write(path, found, what="the textfile", setting="metrics_dir", mode=0o644)
    return path


def file_name(tenant: str, job: str) -> str:
    """Return the file's name; names that need other characters, or are long, get a part that tells them apart."""
    name = "dativo_" + "_".join(_UNSAFE.sub("_", part)[:_LONGEST] for part in (tenant, job))
    if name != f"dativo_{tenant}_{job}":
        name += f"-{hashlib.sha256(f'{tenant}/{job}'.encode()).hexdigest()[:8]}"
    return f"{name}.prom"


def text(report: Mapping[str, Any], ended: float, last_success: str | None) -> str:
    """Return the file's text.

    Args:
        report: as for `write`.
        ended: when the run ended, seconds since 1970.
        last_success: what an earlier file says of it, kept unless this run succeeded.

    """
    common = identity(report)
    samples: list[Sample] = [(measure, {**common, **own}, count) for measure, own, count in of_streams(report)]
    samples += [
        (PUBLISH, common, report["publish_seconds"]),
        (RUN, {**common, "status": report["status"]}, report["seconds"]),
        (ENDED, common, round(ended, 3)),
    ]
    if report["status"] in _SUCCEEDED:
        samples.append((SUCCESS, common, round(ended, 3)))
    elif last_success is not None:
        samples.append((SUCCESS, common, float(last_success)))
    return "".join(f"{line}\n" for line in _lines(samples))


def _lines(samples: Iterable[Sample]) -> Iterator[str]:
    """Yield the lines, those of a metric together, as the format wants it."""
    groups: dict[Measure, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample[0], []).append(sample)
    for measure, found in groups.items():
        yield f"# HELP {measure.gauge} {measure.about}"
        yield f"# TYPE {measure.gauge} gauge"
        for _, labels, value in found:
            shown = ",".join(f'{name}="{_escaped(labels[name])}"' for name in measure.labels)
            yield f"{measure.gauge}{{{shown}}} {value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _last_success(path: Path) -> str | None:
    try:
        found = re.search(rf"^{SUCCESS.gauge}\{{.*\}} ([0-9.e+]+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return found[1] if found else None
