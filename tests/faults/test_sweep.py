"""A seeded sample of the call sweep over SQLite and files; `make faults` runs all of it."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tests.faults.calls import MODES
from tests.faults.oracle import EACH, STREAMS, Seen, Tap, check_resumed, check_run, epochs_in, reconciled
from tests.faults.sweep import VARIANTS, Sweep
from tests.target.running import Ended

SAMPLE = 3
# Where an answer can be lost or a STATE stay unprinted: beside the sample, one of these is struck.
TURNS = ("sql commit", "state")


@pytest.fixture(scope="session")
def calls(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return sweep.calls(tmp_path_factory.mktemp("calls") / "run")


def test_a_run_makes_calls_of_every_kind(calls: list[str]) -> None:
    kinds = {"sql commit", "sql INSERT", "sql UPDATE", "create data", "close data", "create metadata", "open metadata"}
    assert kinds | {"create manifest", "close manifest list", "state"} <= set(calls)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("mode", MODES)
def test_struck_at_any_call_nothing_is_lost_and_a_job_doubles_nothing(
    sweep: Sweep, calls: list[str], tmp_path: Path, mode: str, variant: str
) -> None:
    turns = [n for n, call in enumerate(calls, 1) if call in TURNS]
    choice = random.Random(f"{mode} {variant}")
    chosen = {*choice.sample(range(1, len(calls) + 1), SAMPLE), choice.choice(turns)}
    for number in sorted(chosen):
        assert sweep.point(tmp_path / str(number), mode, number, variant)


@pytest.mark.parametrize("mode", ["kill", "do-kill"])
def test_killed_between_the_commit_and_its_state_a_job_doubles_nothing(
    sweep: Sweep, calls: list[str], tmp_path: Path, mode: str
) -> None:
    assert sweep.point(tmp_path / "point", mode, calls.index("state") + 1)


def test_struck_at_a_call_that_never_comes_a_run_is_untouched(sweep: Sweep, calls: list[str], tmp_path: Path) -> None:
    assert not sweep.point(tmp_path / "point", "kill", len(calls) + 50)


# ---- the oracle can tell ----

TAP = Tap(epochs=2)
ALL = list(range(1, 2 * EACH + 1))
FIRST, SECOND = TAP.states()


def _seen(*, ids: list[int] = ALL, quarantined: int = 2) -> Seen:
    return Seen(dict.fromkeys(STREAMS, ids), quarantined)


def _ended(out: bytes, code: int = 0, log: str = "") -> Ended:
    return Ended(code, out, log)


def test_what_is_right_passes() -> None:
    assert check_run(TAP, 0, _ended(FIRST + b"\n" + SECOND + b"\n"), _seen()) == SECOND
    killed = _ended(FIRST + b"\n" + SECOND[:4], -9)
    assert check_run(TAP, 0, killed, _seen(ids=ALL[:EACH], quarantined=1)) == FIRST
    check_resumed(TAP, _ended(b""), _seen(ids=ALL + ALL[:EACH], quarantined=3), once=False)


@pytest.mark.parametrize(
    ("out", "seen"),
    [
        (FIRST + b"\n", Seen()),  # claimed and not there
        (SECOND + b"\n", _seen()),  # a STATE left out
        (b"", _seen(ids=ALL[:-1])),  # a part of an epoch
        (b"", _seen(quarantined=1)),  # quarantine of another epoch count
        (b"", _seen(ids=ALL + ALL[:EACH], quarantined=3)),  # doubled in one run
        (b"", _seen(ids=[*ALL, 99])),  # never sent
        (b"", Seen({"a": ALL, "b": ALL[:EACH]}, 2)),  # streams apart
    ],
)
def test_what_is_wrong_does_not(out: bytes, seen: Seen) -> None:
    with pytest.raises(AssertionError):
        check_run(TAP, 0, _ended(out, -9), seen)


def test_loss_and_doubles_after_a_resume_are_told() -> None:
    lost = _seen(ids=ALL[:EACH], quarantined=1)
    twice = _seen(ids=ALL + ALL[:EACH], quarantined=3)
    all_twice = _seen(ids=ALL * 2, quarantined=4)
    for seen, once in ((lost, False), (twice, True), (all_twice, False)):
        with pytest.raises(AssertionError):
            check_resumed(TAP, _ended(b""), seen, once=once)


def test_the_state_that_is_ahead_is_resumed_from() -> None:
    second = {"state": hashlib.sha256(SECOND).hexdigest()}
    assert reconciled(TAP.states(), FIRST, [second]) == SECOND
    assert reconciled(TAP.states(), SECOND, [{"state": hashlib.sha256(FIRST).hexdigest()}]) == SECOND
    assert reconciled(TAP.states(), None, [{"state": "of another tap"}]) is None
    assert epochs_in(TAP, Seen()) == {}
