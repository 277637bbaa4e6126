"""Events of OpenLineage: a run, its job, and the tables it wrote. OpenLineage is loaded with this module."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from openlineage.client import OpenLineageClient, event_v2, facet_v2

from target_dativo_iceberg.telemetry.events import Column, RunStarted, StreamStarted
from target_dativo_iceberg.telemetry.oors import results

_PRODUCER = "https://github.com/dativo-io/target-dativo-iceberg"
_DEFAULT_NAMESPACE = "default"
_STATUS = {"pass": "pass", "fail": "fail", "warn": "fail"}


@dataclass(frozen=True)
class About:
    """What all events of a run share.

    Attributes:
        place: namespace of the tables.
        run: as it began.
        environment: of the process: `OPENLINEAGE_NAMESPACE` of the job, `OPENLINEAGE_PARENT_ID` of what runs it.

    """

    place: str
    run: RunStarted
    environment: Mapping[str, str]

    @property
    def run_id(self) -> str:
        """The run's id, or one that follows from it: OpenLineage takes UUIDs only."""
        try:
            return str(uuid.UUID(self.run.run_id))
        except ValueError:
            return str(uuid.uuid5(uuid.NAMESPACE_URL, self.run.run_id))

    @property
    def job(self) -> event_v2.Job:
        """The job: the name it has, else the target's."""
        namespace = self.environment.get("OPENLINEAGE_NAMESPACE") or _DEFAULT_NAMESPACE
        return event_v2.Job(namespace, self.run.job_id or "target-dativo-iceberg", facets={"jobType": _job_type()})


def client() -> OpenLineageClient:
    """Return a client as the environment and the file of OpenLineage configure it."""
    logging.getLogger("openlineage.client.client").setLevel(logging.WARNING)  # it says which transport it uses
    found = OpenLineageClient()
    # The folder that a load runs in says nothing of the job, and the address of its repository may hold a token.
    found.config.facets.source_code_location.disabled = True
    return found


def started(about: About) -> event_v2.RunEvent:
    """Return the event that a run has begun."""
    return _event(about, event_v2.RunState.START, about.run.started, {})


def ended(about: About, report: Mapping[str, Any], streams: Mapping[str, StreamStarted]) -> event_v2.RunEvent:
    """Return the event that a run has ended, with what its report says of its tables.

    Args:
        about: the run.
        report: its report.
        streams: with their columns.

    """
    facets: dict[str, Any] = {}
    state = event_v2.RunState.COMPLETE
    error = report["error"]
    if error is not None:
        state = event_v2.RunState.ABORT if error["code"] == "interrupted" else event_v2.RunState.FAIL
        facets["errorMessage"] = facet_v2.error_message_run.ErrorMessageRunFacet(
            f"{error['code']}: {error['message']}", "python"
        )
    tests = [_test(one) for stream in report["streams"] for one in results(stream)]
    if tests:
        facets["test"] = facet_v2.test_run.TestRunFacet(tests=tests)
    outputs = [one for stream in report["streams"] for one in _outputs(about, stream, streams)]
    inputs = [found for stream in report["streams"] if (found := _judged(about, stream)) is not None]
    return _event(about, state, about.run.started + report["seconds"], facets, inputs, outputs)


def _event(
    about: About,
    state: event_v2.RunState,
    at: float,
    facets: dict[str, Any],
    inputs: Iterable[event_v2.InputDataset] = (),
    outputs: Iterable[event_v2.OutputDataset] = (),
) -> event_v2.RunEvent:
    version = metadata.version("target-dativo-iceberg")
    facets["processing_engine"] = facet_v2.processing_engine_run.ProcessingEngineRunFacet(
        version, "target-dativo-iceberg", metadata.version("openlineage-python")
    )
    parent = _parent(about.environment.get("OPENLINEAGE_PARENT_ID", ""))
    if parent is not None:
        facets["parent"] = parent
    return event_v2.RunEvent(
        eventTime=datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        producer=_PRODUCER,
        eventType=state,
        run=event_v2.Run(about.run_id, facets=facets),
        job=about.job,
        inputs=list(inputs),
        outputs=list(outputs),
    )


def _job_type() -> Any:
    return facet_v2.job_type_job.JobTypeJobFacet("BATCH", "SINGER", "JOB")


def _parent(text: str) -> Any:
    """Return the facet for `namespace/name/run id`; a name may hold slashes."""
    namespace, _, rest = text.partition("/")
    name, _, run_id = rest.rpartition("/")
    try:
        run = facet_v2.parent_run.Run(str(uuid.UUID(run_id)))
    except ValueError:
        return None
    return facet_v2.parent_run.ParentRunFacet(run, facet_v2.parent_run.Job(namespace, name)) if name else None


# ---- tables ----


def _outputs(
    about: About, stream: Mapping[str, Any], streams: Mapping[str, StreamStarted]
) -> Iterable[event_v2.OutputDataset]:
    """Yield a stream's table, and its quarantine table if rows went there."""
    started_ = streams.get(stream["stream"])
    facets: dict[str, Any] = {}
    if started_ is not None and started_.columns:
        facets["schema"] = facet_v2.schema_dataset.SchemaDatasetFacet([_field(one) for one in started_.columns])
    if stream["snapshot_id"] is not None:
        facets["version"] = facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(stream["snapshot_id"])
    yield _output(about, stream["table"], facets, stream["good"], stream["file_bytes"], stream["files"])
    if stream["quarantine_table"]:
        yield _output(about, stream["quarantine_table"], {}, stream["quarantined"])


def _output(
    about: About, table: str, facets: dict[str, Any], rows: int, size: int | None = None, files: int | None = None
) -> event_v2.OutputDataset:
    statistics = facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rows, size, files)
    return event_v2.OutputDataset(about.place, table, facets=facets, outputFacets={"outputStatistics": statistics})


def _field(column: Column) -> Any:
    description = column.description or None
    return facet_v2.schema_dataset.SchemaDatasetFacetFields(column.name, column.type, description)


def _judged(about: About, stream: Mapping[str, Any]) -> event_v2.InputDataset | None:
    """Return a stream's table as what its contract was held against: the facet of assertions is one of inputs."""
    found = results(stream)
    if not found:
        return None
    assertions = [
        facet_v2.data_quality_assertions_dataset.Assertion(
            one["id"],
            one["status"] == "pass",
            severity=one["severity"],
            name=one["id"],
            expected=_text(one["measure"].get("threshold")),
            actual=_text(one["measure"].get("value")),
        )
        for one in found
        if one["status"] in _STATUS
    ]
    facet = facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions)
    return event_v2.InputDataset(about.place, stream["table"], inputFacets={"dataQualityAssertions": facet})


def _test(one: Mapping[str, Any]) -> Any:
    return facet_v2.test_run.TestExecution(
        one["id"], _STATUS.get(one["status"], "skip"), severity=one["severity"], type=one["type"]
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
