"""What Dagster makes of each end of a load. The load is a stand-in here, which prints what `dativo run` would."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from dativo_ingest.dagster import assets
from tests.dagster.conftest import Defs
from tests.dativo.project import Project

STREAM = {"stream": "orders", "contract": "orders 1.0", "records": 3, "good": 2, "quarantined": 1, "dropped": 0}
DONE = {"run_id": "r", "exit_code": 0, "seconds": 1.0, "target": {"streams": [STREAM | {"good": 3, "quarantined": 0}]}}
PARTIAL = DONE | {"exit_code": 1, "target": {"streams": [STREAM | {"by_rule": {"orders.who.required": 1}}]}}
DOWN = {"run_id": "r", "exit_code": 2, "cause": "catalog", "error": "no answer", "retryable": True, "target": {}}
Ended = Callable[..., Any]


@pytest.fixture
def ended(project: Project, defs: Defs, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Run the job; its tries end with these reports, the last one again and again. A number is an exit code alone."""

    def run(*reports: dict[str, Any] | int, job: dict[str, Any] | None = None, **more: Any) -> Any:
        def command(_load: object, _location: object, number: int) -> list[str]:
            report = reports[min(number, len(reports)) - 1]
            code = report if isinstance(report, int) else report["exit_code"]
            out = "" if isinstance(report, int) else json.dumps({"jobs": [report]})
            end = f"os.kill(os.getpid(), {-code})" if code < 0 else f"raise SystemExit({code})"
            return [sys.executable, "-I", "-c", f"import os\nprint({out!r}, flush=True)\n{end}"]

        monkeypatch.setattr(assets, "command", command)
        project.job(**(job or {}))
        made = defs(retry_seconds=0, **more)
        with dg.DagsterInstance.ephemeral() as instance:
            return made.resolve_job_def("acme___orders").execute_in_process(instance=instance, raise_on_error=False)

    return run


def _tries(result: Any) -> int:
    return 1 + sum(e.event_type_value == "STEP_UP_FOR_RETRY" for e in result.all_events)


def _failure(result: Any) -> Any:
    (found,) = [e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure]
    return found


def test_partial_is_a_success_with_a_failed_check_or_a_failure(ended: Ended) -> None:
    for partial_ok in (True, False):
        result = ended(PARTIAL, partial_ok=partial_ok)
        assert (result.success, _tries(result)) == (partial_ok, 1)
        assert len(result.get_asset_materialization_events()) == 1
        checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
        assert checks == {"contract": False, "adds_up": True}
    assert _failure(result).description.startswith("rows are in quarantine, or were changed by the contract's rule")


def test_nothing_new_is_a_success_whose_checks_hold(ended: Ended) -> None:
    result = ended(DONE | {"target": {"streams": []}})
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["dativo/rows_read"].value == 0
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_counts_that_do_not_add_up_are_an_error(ended: Ended) -> None:
    result = ended(DONE | {"target": {"streams": [STREAM | {"quarantined": 0}]}})
    found = {check.check_name: (check.passed, check.severity.value) for check in result.get_asset_check_evaluations()}
    assert found["adds_up"] == (False, "ERROR")


def test_where_to_look_is_kept(ended: Ended) -> None:
    where = {"branch": "acme", "hash": "0a1b", "warehouse": None}
    (event,) = ended(DONE | {"target": {**DONE["target"], "where": where}}).get_asset_materialization_events()
    kept = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (kept["dativo/branch"], kept["dativo/hash"]) == ("acme", "0a1b")
    assert "dativo/warehouse" not in kept


@pytest.mark.parametrize(
    ("report", "tries"),
    [
        (DOWN, 3),
        (DOWN | {"retryable": None}, 3),
        (DOWN | {"retryable": False}, 1),
        (DOWN | {"retryable": None, "cause": "interrupted"}, 1),
        (-9, 3),
        (3, 3),
    ],
)
def test_another_try_is_made_unless_it_is_known_to_be_of_no_use(ended: Ended, report: Any, tries: int) -> None:
    result = ended(report, max_retries=2)
    assert (result.success, _tries(result)) == (False, tries)
    said = _failure(result).description
    assert said == ("no answer" if isinstance(report, dict) else f"the load ended with exit code {report}")


def test_a_job_says_itself_when_it_is_tried_again(ended: Ended) -> None:
    own = {"retry_config": {"max_retries": 9}}
    again = DOWN | {"retry_in_seconds": 0}
    result = ended(again, again, again, DONE, job=own, max_retries=0)
    assert (result.success, _tries(result)) == (True, 4)
    result = ended(DOWN | {"retry_in_seconds": None}, job=own, max_retries=5)
    assert (result.success, _tries(result)) == (False, 1)
