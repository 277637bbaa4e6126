"""What is told about a table: its contract, the job's words on it, and where its rows come from. Never a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dativo_ingest.ready import Ready
from target_dativo_iceberg.contract import Contract, Field, choose
from target_dativo_iceberg.contract.arrangement import INGEST_DATE, dated

# Of contract.*, the rest is for programs.
_DESCRIBING = (
    "classification.", "governance.", "finops.", "asset.", "sla.",
    "contract.id", "contract.version", "contract.status",
)  # fmt: skip


@dataclass(frozen=True)
class Described:
    """A table into which a run published.

    Attributes:
        tenant: whose it is.
        job: the job's name among all tenants.
        run_id: of the run.
        namespace: of the table, dots between its parts.
        name: of the table.
        contract: what it holds.
        properties: what its contract and the job say of it, by dativo's names.
        source_type: what its rows come from (`postgres`).
        source_object: which object there.
        rows: how many the run published.
        kept_in: type of the Iceberg catalog that has the table (`nessie`, `sql`, `glue` …).

    """

    tenant: str
    job: str
    run_id: str
    namespace: str
    name: str
    contract: Contract
    properties: Mapping[str, str]
    source_type: str
    source_object: str
    rows: int
    kept_in: str

    @property
    def title(self) -> str:
        """What the table is called in messages."""
        return f"{self.namespace}.{self.name}"

    @property
    def owner(self) -> str:
        """Who answers for it, or empty."""
        return self.properties.get("governance.owner", "")

    @property
    def read_columns(self) -> list[str]:
        """The columns that come from the source."""
        return [field.name for field in self.contract.fields if not field.filled]

    def classification(self, field: Field, path: str = "") -> str:
        """Return a column's classification, or empty; the job's goes before the contract's."""
        return self.properties.get(f"classification.fields.{path or field.name}", field.classification)

    def labels(self) -> list[str]:
        """Return the words that label the whole table."""
        found = [self.properties.get("classification.default", "")]
        for key in ("governance.regulations", "finops.business_tags"):
            found += self.properties.get(key, "").split(",")
        return list(dict.fromkeys(word.strip() for word in found if word.strip()))


def published(ready: Ready, report: Mapping[str, Any]) -> Iterator[Described]:
    """Yield the tables that a run changed.

    Args:
        ready: the job.
        report: the target's run report.

    """
    overrides = ready.settings.get("table_properties")
    for stream in report.get("streams", ()):
        changed = stream["good"] + stream["deleted"] + stream["marked_deleted"]
        contract = _contract(ready, stream["stream"])
        if not changed or contract is None:
            continue
        said = contract.properties | (overrides if isinstance(overrides, dict) else {})
        namespace, _, name = stream["table"].rpartition(".")
        yield Described(
            tenant=ready.file.tenant,
            job=ready.file.id,
            run_id=str(report["run_id"]),
            namespace=namespace,
            name=name,
            contract=contract,
            properties={key: str(text) for key, text in said.items() if key.startswith(_DESCRIBING)},
            source_type=ready.source.type,
            source_object=ready.extractor.streams.get(stream["stream"], stream["stream"]),
            rows=stream["good"],
            kept_in=_kept_in(ready),
        )


def _kept_in(ready: Ready) -> str:
    if "nessie_uri" in ready.settings:
        return "nessie"
    catalog = ready.settings.get("catalog")
    return str(catalog.get("type", "rest")) if isinstance(catalog, dict) else "sql"


def _contract(ready: Ready, stream: str) -> Contract | None:
    """Return a stream's contract with the column that the target fills."""
    mapping = ready.settings.get("contract_map")
    found = choose(ready.contracts, stream, mapping if isinstance(mapping, dict) else {})
    by = ready.settings.get("partition_by")
    asked = isinstance(by, list) and any(INGEST_DATE in str(one) for one in by)
    return found and dated(found, always=asked)
