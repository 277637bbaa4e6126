"""`Table.upsert` of PyIceberg on Singer messages, parsed by Arrow: what anyone would write who knows both."""

import json
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import schema_to_pyarrow

warehouse, key = sys.argv[1], sys.argv[2].split(",")
catalog = SqlCatalog("default", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
((namespace,),) = [n for n in catalog.list_namespaces() if catalog.list_tables(n)]
table = catalog.load_table((namespace, "orders"))
schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
lines = [line for line in sys.stdin.buffer if line.startswith(b'{"type": "RECORD"')]
texts = pa.schema([f.with_type(pa.string()) if pa.types.is_timestamp(f.type) else f for f in schema])
record = pa.field("record", pa.struct(list(texts)))
parsed = pj.read_json(
    pa.BufferReader(b"".join(lines)),
    parse_options=pj.ParseOptions(explicit_schema=pa.schema([record]), unexpected_field_behavior="ignore"),
)
rows = pa.Table.from_struct_array(parsed["record"].combine_chunks())
columns = [pc.cast(rows[field.name], field.type) for field in schema]
found = table.upsert(pa.Table.from_arrays(columns, schema=schema), join_cols=key)
print(json.dumps({"updated": found.rows_updated, "inserted": found.rows_inserted}))
