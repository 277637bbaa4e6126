"""The code location that `DATIVO_DAGSTER` says: `dagster dev -m dativo_ingest.dagster.code_location`."""

import os

from dativo_ingest.dagster.definitions import definitions
from dativo_ingest.dagster.location import from_environment

defs = definitions(from_environment(os.environ))
