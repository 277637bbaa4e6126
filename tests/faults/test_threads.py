"""A thread that is lost ends the run, whoever waits for it."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

from target_dativo_iceberg.__main__ import lost
from target_dativo_iceberg.errors import MachineError, StoreError
from target_dativo_iceberg.threads import Threads


def test_what_the_work_brought_or_raised_is_handed_on() -> None:
    def failing() -> None:
        raise StoreError("the store is away")

    with Threads(1, "of-test") as threads:
        assert threads.outcome(threads.submit(int, "7")) == 7
        with pytest.raises(StoreError):
            threads.outcome(threads.submit(failing))


def test_a_thread_lost_while_it_hands_over_its_result_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    go = Event()

    def no_memory(_result: Any) -> None:
        raise MemoryError

    with Threads(1, "of-test") as threads:
        lost = threads.submit(go.wait)
        lost.set_result = lost.set_exception = no_memory  # type: ignore[method-assign, assignment]
        behind = threads.submit(int, "7")
        go.set()
        for future in (lost, behind):
            with pytest.raises(MachineError, match="no memory for the result of a thread"):
                threads.outcome(future)
    assert not caplog.messages


@pytest.mark.parametrize(("error", "said"), [(MemoryError("of a record"), 0), (KeyError("of a record"), 1)])
def test_what_ends_a_thread_is_said_without_its_text(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: Any, error: Exception, said: int
) -> None:
    def ending() -> None:
        raise error

    monkeypatch.setattr("threading.excepthook", lost)
    thread = Thread(target=ending)
    thread.start()
    thread.join()
    assert len(caplog.messages) == said
    assert all("unforeseen KeyError at test_threads.py" in message for message in caplog.messages)
    assert "of a record" not in caplog.text + capsys.readouterr().err
