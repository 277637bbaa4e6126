"""What is the same for all runs over one warehouse, drawn when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

STREAMS = ("a", "b")
METHODS = (
    ("upsert", "upsert"),
    ("upsert", "append-only"),
    ("append-only", "append-only"),
    ("overwrite", "upsert"),
    ("overwrite", "append-only"),
)
PARTITIONS = st.sampled_from([(), ("p",), ("bucket[2]({key})",), ("truncate[1](s)",)])
CHOICES: dict[str, st.SearchStrategy[Any]] = {
    "keys": st.sampled_from([("id",), ("k",), ("id", "k")]),
    "hard": st.booleans(),
    "metadata": st.booleans(),
    "contract": st.booleans(),
    "partition": PARTITIONS,
    "sort": st.sampled_from([(), ("s desc",)]),
    "small_parts": st.booleans(),
    "publish": st.sampled_from(["commit", "branch"]),
}
# The bounds of a file keep 16 characters of a text.
_LONG = "key whose beginning is the same: é"


@dataclass(frozen=True)
class Kind:
    """One warehouse.

    Attributes:
        methods: load method by stream; the only thing that may change.
        keys: columns of the key.
        hard: deleted rows leave their tables; otherwise they are marked.
        metadata: tables have the columns of the SDK, among them the version.
        contract: streams are held to a contract; otherwise to their SCHEMA.
        partition: `partition_by`; `{key}` stands for a column of the key.
        sort: `sort_by`.
        small_parts: a merge is made in parts of few rows.
        publish: how, on Nessie.

    """

    methods: dict[str, str]
    keys: Sequence[str]
    hard: bool
    metadata: bool
    contract: bool
    partition: Sequence[str]
    sort: Sequence[str]
    small_parts: bool
    publish: str

    @property
    def one_epoch(self) -> bool:
        """Whether a run publishes once, at its end."""
        return "overwrite" in self.methods.values()

    @property
    def repeatable(self) -> bool:
        """Whether records that are sent again change nothing."""
        return "append-only" not in self.methods.values()

    def key(self, number: int) -> dict[str, Any]:
        """Columns of a key."""
        if self.keys == ("id",):
            return {"id": number - 5}
        if self.keys == ("k",):
            return {"k": f"{_LONG}{number}"}
        return {"id": number // 2, "k": f"{_LONG}{number % 2}"}

    def partition_by(self, partition: Sequence[str]) -> list[str]:
        """Return a partitioning by the columns that there are."""
        return [text.format(key=self.keys[-1]) for text in partition]

    def document(self, *, wide: bool) -> dict[str, Any]:
        """Return the contract: its second version gives column `n` 64 bits."""
        bits = {} if wide else {"logicalTypeOptions": {"format": "i32"}}
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "status": "active"}

        def columns(method: str) -> list[dict[str, Any]]:
            of_key = {"primaryKey": True} if method == "upsert" else {"required": True}
            return [
                *({"name": key, "logicalType": "integer" if key == "id" else "string"} | of_key for key in self.keys),
                {"name": "s", "logicalType": "string"},
                {"name": "n", "logicalType": "integer"} | bits,
                {"name": "p", "logicalType": "integer"},
            ]

        objects = [{"name": s, "logicalType": "object", "properties": columns(m)} for s, m in self.methods.items()]
        return head | {"version": "1.1.0" if wide else "1.0.0", "schema": objects}
