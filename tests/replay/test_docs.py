"""What docs/quarantine.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from target_dativo_iceberg.quarantine import FIELDS
from tests.replay.orders import DEFECTS, MINIMUM, Lake, planted

DOC = (Path(__file__).resolve().parents[2] / "docs" / "quarantine.md").read_text()


def test_the_columns_are_those_of_the_table() -> None:
    assert re.findall(r"^\| `(_\w+)` \|", DOC, re.MULTILINE) == [f.name for f in FIELDS]


def test_the_query_counts_reasons_by_rule(lake: Lake) -> None:
    lake.load(planted(80, *DEFECTS))
    query = re.search(r"```sql\n(.*?);\n```", DOC, re.DOTALL)
    assert query
    found = lake.sql(query[1].replace("orders__quarantine", "{orders__quarantine}"))
    assert (MINIMUM, "constraint", 1) in found
    assert sum(row[2] for row in found) == 4
