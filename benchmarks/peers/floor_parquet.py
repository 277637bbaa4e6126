"""A floor: Parquet files read whole and written as zstd Parquet by pyarrow. No contract, no streams, no table."""

import sys
from pathlib import Path

import pyarrow.parquet as pq


def main(source: str, target: str) -> None:
    """Read and write each file of a folder."""
    for path in sorted(Path(source).glob("*.parquet")):
        pq.write_table(pq.read_table(path), Path(target) / path.name, compression="zstd")


if __name__ == "__main__":
    main(*sys.argv[1:])
