"""Load method `upsert`: one row for each key, the last of the stream; files without such keys stay as they are."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from tests.readback import Tables
from tests.target.running import Ended, Target, record, schema, state


def _load(target: Target, *lines: Any, **settings: Any) -> Ended:
    return target.run(list(lines), **{"load_method": "upsert"} | settings)


def test_the_last_row_of_a_key_stays_whatever_came_before(target: Target, tables: Tables) -> None:
    first = _load(target, schema(), *(record(n, s=f"first {n}") for n in (1, 2, 3, 2)), state(1))
    second = _load(target, schema(), record(3, s="second"), record(4, s="second"), record(3, s="third"), state(2))
    assert (first.code, second.code) == (0, 0)
    assert tables.rows("a", "id") == [
        {"id": 1, "s": "first 1"},
        {"id": 2, "s": "first 2"},
        {"id": 3, "s": "third"},
        {"id": 4, "s": "second"},
    ]
