"""What every refusal must be, and parts of input to break."""

from __future__ import annotations

import json
import re

from tests.target.running import Ended, Target, record, schema, state

CANARY = "c4n4ry"
SECRET = "s3cr3t"
SECRETS = {"s3_access_key_id": SECRET, "s3_secret_access_key": SECRET}
DEEP = 100_000
BEFORE = [schema(n={"type": ["number", "null"]}, j={}), record(1, s=CANARY), state({"bookmark": 1})]


def refused(target: Target, ended: Ended, pattern: str) -> None:
    """The whole law: one error line, exit code 1, nothing published or left behind, no value told."""
    assert ended.code == 1, ended.log
    assert len(ended.errors) == 1, ended.log
    assert re.search(pattern, ended.errors[0]), ended.errors[0]
    assert ended.out == b""
    told = ended.log + json.dumps(ended.report)
    assert CANARY not in told
    assert SECRET not in told
    assert target.published() == {}
    assert list(target.warehouse.rglob("*.parquet")) == []


def line(body: bytes) -> bytes:
    return b'{"type":"RECORD","stream":"a","record":' + body + b"}\n"


def after_good_lines(last: bytes) -> bytes:
    return "".join(json.dumps(m) + "\n" for m in BEFORE).encode() + last


def nested(opening: bytes, inside: bytes, closing: bytes) -> bytes:
    return opening * DEEP + inside + closing * DEEP
