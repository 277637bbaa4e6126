"""dlt's filesystem destination, table format Iceberg, fed with the records of a Singer stream on standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dlt
import orjson

KINDS = {"integer": "bigint", "boolean": "bool", "string": "text", "array": "json", "object": "json"}


def columns(properties: dict[str, dict]) -> dict[str, dict]:
    """dlt's column hints for flat properties; nested ones are left to dlt."""
    hints = {}
    for name, schema in properties.items():
        kind = next(each for each in schema["type"] if each != "null")
        if kind == "number":
            hints[name] = {"data_type": "decimal", "precision": 38, "scale": 9}
        elif kind == "string":
            hints[name] = {"data_type": {"date-time": "timestamp", "date": "date"}.get(schema.get("format"), "text")}
        elif kind not in {"array", "object"}:
            hints[name] = {"data_type": KINDS[kind]}
    return hints


def records(first: bytes) -> Iterator[object]:
    """Records, marked with the table they belong to when the stream has several."""
    streams = {}
    for line in _with(first):
        message = orjson.loads(line)
        if message["type"] == "RECORD":
            yield dlt.mark.with_table_name(message["record"], message["stream"])
        elif message["type"] == "SCHEMA":
            name = message["stream"]
            hints = dlt.mark.make_hints(
                table_name=name, columns=columns(message["schema"]["properties"]), table_format="iceberg"
            )
            streams[name] = hints
            yield dlt.mark.with_hints([], hints, create_table_variant=True)


def _with(first: bytes) -> Iterator[bytes]:
    yield first
    yield from sys.stdin.buffer


def main(warehouse: str) -> None:
    """Load standard input into tables below the warehouse."""
    first = sys.stdin.buffer.readline()
    name = orjson.loads(first)["stream"]
    resource = dlt.resource(records(first), name=name, table_format="iceberg", write_disposition="append")
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        destination=dlt.destinations.filesystem(bucket_url=Path(warehouse).as_uri()),
        dataset_name="default",
        pipelines_dir=f"{warehouse}/pipelines",
    )
    pipeline.run(resource).raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1])
