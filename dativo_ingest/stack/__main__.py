"""`python -m dativo_ingest.stack`."""

import sys

from dativo_ingest.stack.cli import main

if __name__ == "__main__":
    sys.exit(main())
