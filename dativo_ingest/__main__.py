"""The command `dativo`."""

import sys

from dativo_ingest.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
