"""A floor: arrow-rs parses standard input, Arrow C++ writes zstd Parquet. No contract, no stream handling, no table."""

import json
import sys

import arro3.io
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TYPES = {"string": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "date": pa.date32()}
ROW_GROUP = 131_072
BATCH = 8192


def arrow_type(schema: dict) -> pa.DataType:
    """The Arrow type of an ODCS property."""
    kind = schema["logicalType"]
    if kind == "object":
        return struct(schema["properties"])
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "timestamp":
        return pa.timestamp("us", tz="UTC" if schema["logicalTypeOptions"]["timezone"] else None)
    if kind == "number":
        precision, scale = schema["physicalType"].removeprefix("decimal(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return TYPES[kind]


def struct(properties: list[dict]) -> pa.StructType:
    """The Arrow type of a list of ODCS properties."""
    return pa.struct([(each["name"], arrow_type(each)) for each in properties])


def main(properties: str, target: str) -> None:
    """Parse and write."""
    record = struct(json.loads(properties))
    wanted = pa.schema([("type", pa.string()), ("record", record)])
    parsed = pa.RecordBatchReader.from_stream(arro3.io.read_json(sys.stdin.buffer, wanted, batch_size=BATCH))
    with pq.ParquetWriter(f"{target}/out.parquet", pa.schema(list(record)), compression="zstd") as writer:
        held: list[pa.RecordBatch] = []
        for batch in parsed:
            records = batch.filter(pc.equal(batch["type"], "RECORD"))["record"]
            held.append(pa.RecordBatch.from_struct_array(records))
            if len(held) * BATCH >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held))


if __name__ == "__main__":
    main(*sys.argv[1:])
