"""What is small on the wire and huge when it is opened is refused, within the memory a run is allowed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import yaml

from tests.readback import Tables
from tests.target.running import Ended, Target, record, schema, state

PLENTY_MB = 450


def batch(file: Path) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"type": "BATCH", "stream": "a", "encoding": encoding, "manifest": [file.as_uri()]}


def refused(ended: Ended, words: str) -> None:
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert words in ended.errors[0]
    assert ended.out == b""
    assert ended.peak_mb < PLENTY_MB


def test_a_gzip_bomb_is_given_up_at_the_longest_line(target: Target, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(b'{"id": 1, "s": "')
        for _ in range(160):
            file.write(b"a" * (1 << 20))
    assert bomb.stat().st_size < 1 << 18
    ended = target.run([schema(keys=()), state(1), batch(bomb), state(2)], batch_roots=[str(tmp_path)])
    refused(ended, "longer than max_line_mb")


def test_a_gzip_bomb_within_a_gzip_bomb_is_no_text(target: Target, tmp_path: Path) -> None:
    bomb = tmp_path / "nested.jsonl.gz"
    bomb.write_bytes(gzip.compress(gzip.compress(b"\n" * (64 << 20))))
    ended = target.run([schema(keys=()), batch(bomb), state(1)], batch_roots=[str(tmp_path)])
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert ended.peak_mb < PLENTY_MB


def test_a_record_of_a_hundred_thousand_levels_is_kept_out(target: Target) -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    line = f'{{"type":"RECORD","stream":"a","record":{{"id":2,"any":{deep}}}}}'
    ended = target.run([schema(keys=(), any={}), record(1), line, state(1)], on_violation="quarantine")
    assert ended.peak_mb < PLENTY_MB
    if ended.code:
        assert (len(ended.errors), target.published()) == (1, {})
    else:
        assert [row["id"] for row in Tables(target.warehouse).rows("a")] == [1]
        assert ended.stream("a")["quarantined"] == 1


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{','.join([f'*{before}'] * 9)}]\n" for before, n in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_an_alias_bomb_is_a_contract_of_no_run(target: Target, tmp_path: Path) -> None:
    assert isinstance(yaml.safe_load(BOMB)["i"], list)  # it is small until somebody walks through it
    (tmp_path / "c.yaml").write_text(BOMB)
    ended = target.run([schema(), record(1), state(1)], contract_path=str(tmp_path / "c.yaml"))
    refused(ended, "expands to more than 100000 values")


def test_a_pattern_that_doubles_its_work_with_each_character_does_not(target: Target, tmp_path: Path) -> None:
    """A backtracking engine needs longer than the universe for the text; what follows the time limit of tests."""
    (tmp_path / "c.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: c\nversion: 1.0.0\nstatus: active\nschema:\n"
        "- name: a\n  properties:\n"
        "  - {name: id, logicalType: integer}\n"
        "  - {name: s, logicalType: string, logicalTypeOptions: {pattern: '^(a+)+$'}}\n"
    )
    lines = [schema(keys=()), record(1, s="a" * 50_000), record(2, s="a" * 50_000 + "!"), state(1)]
    ended = target.run(lines, contract_path=str(tmp_path / "c.yaml"), on_violation="quarantine")
    assert (ended.code, ended.stream("a")["good"], ended.stream("a")["quarantined"]) == (0, 1, 1)
