"""target-s3tables as it is, except that its catalog (a service of AWS) is replaced by a local SQL catalog."""

import os
from functools import cache
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from target_s3tables import sinks
from target_s3tables.target import TargetS3Tables


@cache
def _catalog(warehouse: str) -> SqlCatalog:
    Path(warehouse).mkdir(exist_ok=True)
    return SqlCatalog("default", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")


sinks.get_catalog = lambda config, *, log: _catalog(os.environ["BENCH_WAREHOUSE"])

if __name__ == "__main__":
    TargetS3Tables.cli()
