"""A run report → what Dagster keeps of it: materialisations with their numbers, and results of checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.specs import ADDS_UP, RULES, key_of, quality_of
from target_dativo_iceberg import contract
from target_dativo_iceberg.contract import Contract

Report = Mapping[str, Any]
_NOTHING: Report = {"records": 0, "good": 0, "quarantined": 0, "dropped": 0}
_COUNTS = {"records": "rows_read", "good": "rows_good", "quarantined": "rows_quarantined", "dropped": "rows_dropped"}
# Why a check that was not measured does not fail.
_NOT_FAILED = ("pass", "skip")


def materialised(load: Load, report: Report, state: Path) -> Iterator[dg.MaterializeResult[Any]]:
    """Yield what a finished run made of each table, with the results of its checks."""
    streams = report["target"].get("streams", ())
    for one in load.contracts:
        found = _of_contract(one, streams)
        yield dg.MaterializeResult(
            asset_key=key_of(load, one),
            metadata=_metadata(found or _NOTHING, report, state / load.key[0] / load.key[1] / "report.json"),
            check_results=list(_checks(load, one, found)),
        )


def broken(load: Load, report: Report) -> Iterator[dg.AssetCheckResult]:
    """Yield the checks of tables whose rows ended a run: they broke the contract, and nothing of them is published."""
    unpublished = report.get("target", {}).get("unpublished", ())
    for one in load.contracts:
        found = _of_contract(one, unpublished)
        if found and found["rejected"]:
            metadata = _rules(found["by_rule"]) | {"rows_rejected": dg.MetadataValue.int(found["rejected"])}
            text = "the run was ended by rows that break the contract; none of its open epoch is published"
            yield dg.AssetCheckResult(
                passed=False,
                asset_key=key_of(load, one),
                check_name=RULES,
                severity=dg.AssetCheckSeverity.ERROR,
                description=text,
                metadata=metadata,
            )


def run_metadata(report: Report) -> dict[str, dg.MetadataValue[Any]]:
    """Return what is known of a run that failed."""
    named = {"run_id": report.get("run_id"), "cause": report.get("cause"), "tries": report.get("attempts")}
    return {f"dativo/{name}": dg.MetadataValue.text(str(value)) for name, value in named.items() if value}


def _of_contract(one: Contract, streams: list[Report]) -> Report | None:
    """Return the stream that was loaded under a contract: by its name, else by its own."""
    wanted = contract.fold(one.name)
    for stream in streams:
        name, _, _version = str(stream.get("contract", "")).rpartition(" ")
        if contract.fold(name or str(stream["stream"])) == wanted:
            return stream
    return next((stream for stream in streams if contract.fold(str(stream["stream"])) == wanted), None)


def _metadata(stream: Report, report: Report, kept: Path) -> dict[str, dg.MetadataValue[Any]]:
    found: dict[str, dg.MetadataValue[Any]] = {
        "dativo/run_id": dg.MetadataValue.text(str(report["run_id"])),
        "dativo/report": dg.MetadataValue.path(str(kept)),
        "dativo/seconds": dg.MetadataValue.float(float(report["seconds"])),
    }
    found |= {f"dativo/{name}": dg.MetadataValue.int(stream[key]) for key, name in _COUNTS.items()}
    # 64-bit numbers lose digits in a browser: snapshot ids are texts.
    for name in ("table", "quarantine_table", "snapshot_id"):
        if stream.get(name):
            found[f"dativo/{name}"] = dg.MetadataValue.text(str(stream[name]))
    where = report["target"].get("where", {})
    return found | {f"dativo/{name}": dg.MetadataValue.text(str(value)) for name, value in where.items() if value}


def _checks(load: Load, one: Contract, stream: Report | None) -> Iterator[dg.AssetCheckResult]:
    found = stream or _NOTHING
    key, turned_away = key_of(load, one), found["records"] - found["good"]
    by_rule, warnings = found.get("by_rule", {}), found.get("warnings", {})
    yield dg.AssetCheckResult(
        passed=not turned_away and not by_rule and not warnings,
        asset_key=key,
        check_name=RULES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=_rules(by_rule) | _rules(warnings, "warning/"),
    )
    yield dg.AssetCheckResult(
        passed=found["records"] == found["good"] + found["quarantined"] + found["dropped"],
        asset_key=key,
        check_name=ADDS_UP,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={name: found[key] for key, name in _COUNTS.items()},
    )
    measured = {check["id"]: check for check in found.get("checks", ())}
    for name, check in quality_of(one).items():
        result = measured.get(check.id)
        yield dg.AssetCheckResult(
            passed=result is None or result["status"] in _NOT_FAILED,
            asset_key=key,
            check_name=name,
            severity=_SEVERITY[str((result or {}).get("severity", check.severity.value))],
            description=result["reason"] or None if result else "not measured: no rows were read",
            metadata={k: str(result[k]) for k in ("status", "measured", "expected", "rows")} if result else {},
        )


_SEVERITY = {"error": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}


def _rules(counts: Mapping[str, int], prefix: str = "rule/") -> dict[str, dg.MetadataValue[Any]]:
    """Return how many rows broke each rule."""
    return {f"{prefix}{rule}": dg.MetadataValue.int(count) for rule, count in counts.items()}
