"""Small tables on the stack, made and read with PyIceberg."""

from collections.abc import Callable

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient, Reference

OpenCatalog = Callable[[str], Catalog]


def catalog_of(stack: LocalStack, branch_name: str) -> Catalog:
    return load_catalog(
        "stack",
        **{
            "type": "rest",
            "uri": stack.iceberg_uri(branch_name),
            "warehouse": stack.nessie_warehouse,
            "s3.endpoint": stack.s3_endpoint,
            "s3.region": stack.s3_region,
            "s3.access-key-id": stack.s3_access_key_id,
            "s3.secret-access-key": stack.s3_secret_access_key,
        },
    )


def numbers(*values: int) -> pa.Table:
    return pa.table({"number": pa.array(values, pa.int64())})


def make_table(catalog: Catalog, *values: int, name: str = "t") -> None:
    """Create table `ns.<name>` holding `values`."""
    catalog.create_table(("ns", name), numbers().schema).append(numbers(*values))


def rows(catalog: Catalog, name: str = "t") -> list[int]:
    return sorted(catalog.load_table(("ns", name)).scan().to_arrow()["number"].to_pylist())


def head(nessie: NessieClient, reference: Reference) -> Reference:
    return nessie.reference(reference.name)


def fork(nessie: NessieClient, reference: Reference, name: str) -> Reference:
    """A new branch at the head of `reference`."""
    return nessie.create_branch(f"{reference.name}.{name}", head(nessie, reference))
