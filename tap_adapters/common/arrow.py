"""pyarrow's submodules as a type checker should take them: untyped. pyarrow 24 says that it is typed, and is not."""

from __future__ import annotations

from typing import Any

import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

compute: Any = pyarrow.compute
csv: Any = pyarrow.csv
parquet: Any = pyarrow.parquet
