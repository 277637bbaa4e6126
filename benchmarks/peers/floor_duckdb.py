"""A floor: one DuckDB query from the file of lines to a Parquet file. No contract, no stream handling, no table."""

import json
import sys

import duckdb

TYPES = {"string": "VARCHAR", "integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}


def duckdb_type(schema: dict) -> str:
    """The DuckDB type of an ODCS property."""
    kind = schema["logicalType"]
    if kind == "object":
        return struct(schema["properties"])
    if kind == "array":
        return f"{duckdb_type(schema['items'])}[]"
    if kind == "timestamp":
        return "TIMESTAMPTZ" if schema["logicalTypeOptions"]["timezone"] else "TIMESTAMP"
    return schema.get("physicalType") or TYPES[kind]


def struct(properties: list[dict]) -> str:
    """The DuckDB type of a list of ODCS properties."""
    members = ", ".join(f'"{each["name"]}" {duckdb_type(each)}' for each in properties)
    return f"STRUCT({members})"


def records(source: str, record: str) -> str:
    """The query for the flat records of a file of Singer lines."""
    columns = f"{{'type': 'VARCHAR', 'record': '{record}'}}"
    lines = f"read_json('{source}', format = 'newline_delimited', columns = {columns})"
    return f"SELECT unnest(record) FROM {lines} WHERE type = 'RECORD'"


def main(source: str, properties: str, target: str) -> None:
    """Parse and write."""
    query = records(source, struct(json.loads(properties)))
    duckdb.sql(f"COPY ({query}) TO '{target}/out.parquet' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    main(*sys.argv[1:])
