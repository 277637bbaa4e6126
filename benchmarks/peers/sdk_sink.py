"""A Singer target as anyone would write it on a first day: SDK batches of 10,000 rows, one PyIceberg append each."""

from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink

TEXTS = {
    "date-time": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}
PLAIN = {
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    # the SDK reads JSON numbers as Decimal, which Arrow does not turn into a double
    "number": pa.decimal128(38, 9),
}


def arrow_type(schema: dict) -> pa.DataType:
    """The Arrow type of a JSON Schema."""
    kind = next(name for name in schema["type"] if name != "null")
    if kind == "object":
        return arrow_struct(schema)
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "string":
        return TEXTS.get(schema.get("format", ""), pa.string())
    return PLAIN[kind]


def arrow_struct(schema: dict) -> pa.StructType:
    """The members of a JSON Schema object, in order."""
    return pa.struct([(name, arrow_type(each)) for name, each in schema["properties"].items()])


class AppendSink(BatchSink):
    """One table; one commit per batch."""

    max_size = 10_000

    def setup(self) -> None:
        """Make the table."""
        warehouse = Path(self.config["warehouse"])
        catalog = SqlCatalog("default", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
        catalog.create_namespace_if_not_exists("default")
        self._schema = pa.schema(list(arrow_struct(self.schema)))
        self._table = catalog.create_table_if_not_exists(f"default.{self.stream_name}", self._schema)

    def process_batch(self, context: dict) -> None:
        """Append the batch."""
        self._table.append(pa.Table.from_pylist(context["records"], schema=self._schema))


class TargetAppend(Target):
    """The target."""

    name = "target-append"
    config_jsonschema = th.PropertiesList(th.Property("warehouse", th.StringType, required=True)).to_dict()
    default_sink_class = AppendSink


if __name__ == "__main__":
    TargetAppend.cli()
