"""A tap that resumes after its STATE, what it sends in each epoch, and what must hold whatever happened to a run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.target.running import Ended, record, schema

STREAMS = ("a", "b")
EACH = 5  # good rows of a stream in an epoch


@dataclass(frozen=True)
class Tap:
    """Gives each stream the ids 1 to `epochs` * EACH, and in each epoch one record of `a` that breaks its contract.

    Attributes:
        epochs: how many.
        pad: characters in a record; as it is, an epoch is more than a block of input (4 MiB), so that each has a
            publish of its own. With 120,000 (more than `epoch_max_mb` of 1) it has that when its STATE is waited for.

    """

    epochs: int = 2
    pad: int = 450_000

    def states(self) -> list[bytes]:
        """The STATE values it sends, in order."""
        return [json.dumps({"id": n * EACH}).encode() for n in range(1, self.epochs + 1)]

    def messages(self, after: bytes | None) -> Iterator[bytes]:
        """What it sends when it is started with a STATE."""
        begun = self.states().index(after) + 1 if after else 0
        yield from (_line(schema(stream)) for stream in STREAMS)
        for epoch in range(begun, self.epochs):
            first = epoch * EACH + 1
            for number in range(first, first + EACH):
                for stream in STREAMS:
                    yield _line(record(number, stream, s="x" * self.pad))
            yield _line(record(0, "a", s=epoch) | {"record": {"id": f"bad {epoch}"}})
            yield b'{"type":"STATE","value":%s}\n' % self.states()[epoch]


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


@dataclass(frozen=True)
class Seen:
    """What a reader sees: ids by stream, rows in quarantine, and the job's checkpoints."""

    ids: Mapping[str, Sequence[int]] = field(default_factory=dict)
    quarantined: int = 0
    checkpoints: Sequence[Mapping[str, Any]] = ()


def check_run(tap: Tap, begun: int, ended: Ended, seen: Seen, failed: int = 1) -> bytes | None:
    """Check what must hold after any run that began with so many epochs done; return its last STATE.

    What was claimed is there, nothing came twice, epochs are whole, STATE is a prefix of what the tap sent.

    Args:
        tap: what was sent.
        begun: epochs done before.
        ended: the run.
        seen: what a reader sees after it.
        failed: exit code of a run that does not end well.

    """
    whole = ended.out[: ended.out.rfind(b"\n") + 1].splitlines()
    assert whole == tap.states()[begun : begun + len(whole)], whole
    if ended.code >= 0:
        assert ended.out == b"".join(line + b"\n" for line in whole)
        assert ended.code == (0 if begun + len(whole) == tap.epochs and not ended.errors else failed), ended.log
        assert len(ended.errors) == bool(ended.code), ended.log
        assert "Traceback" not in ended.log, ended.log
        assert "fault of the target" not in ended.log, ended.log
    done = epochs_in(tap, seen)
    assert max(done.values(), default=0) <= 1, done
    assert sorted(done) == list(range(len(done))), done
    assert len(done) >= begun + len(whole), (done, whole)
    return whole[-1] if whole else None


def epochs_in(tap: Tap, seen: Seen) -> Counter[int]:
    """How often each epoch is there; every epoch must be whole in all streams and in quarantine."""
    counted = {stream: Counter(seen.ids.get(stream, ())) for stream in STREAMS}
    assert counted["a"] == counted["b"], counted
    found: Counter[int] = Counter()
    for epoch in range(tap.epochs):
        times = {counted["a"].pop(n, 0) for n in range(epoch * EACH + 1, (epoch + 1) * EACH + 1)}
        assert len(times) == 1, f"a part of epoch {epoch}"
        found[epoch] = times.pop()
    assert not counted["a"], "rows that were never sent"
    assert seen.quarantined == found.total()
    return +found


def check_resumed(tap: Tap, ended: Ended, seen: Seen, *, once: bool) -> None:
    """Check the end of it all: every epoch is there, once, or in a bare pipe one of them twice."""
    assert ended.code == 0, f"exit code {ended.code}\n{ended.log}"
    done = epochs_in(tap, seen)
    assert sorted(done) == list(range(tap.epochs)), done
    assert done.total() - tap.epochs <= (0 if once else 1), done


def reconciled(sent: Sequence[bytes], printed: bytes | None, checkpoints: Iterable[Mapping[str, Any]]) -> bytes | None:
    """The STATE to resume from: the one that a table's checkpoint names, when that is ahead of the one printed."""
    hashes = [hashlib.sha256(value).hexdigest() for value in sent]
    places = [hashes.index(c["state"]) for c in checkpoints if c["state"] in hashes]
    furthest = max([*places, sent.index(printed) if printed else -1])
    return sent[furthest] if furthest >= 0 else None
