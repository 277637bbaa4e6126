"""Run by Airflow's own Python: commands of `airflow`, then one run of each DAG; writes what it found as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.dagbag import DagBag
from airflow.models.pool import Pool
from airflow.models.xcom import XComModel
from airflow.settings import DAGS_FOLDER
from airflow.utils.session import create_session


def command(*words: str) -> None:
    """As on the command line, without the seconds that a process takes to begin."""
    found = get_parser().parse_args(words)
    found.func(found)


def end_the_load_that(holds: Path) -> None:
    """Tell the task's process to end once a file is there, as Airflow does when a task is marked failed."""
    while not holds.exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def told(dag: Any) -> dict[str, Any]:
    """What Airflow has read of a DAG, and what became of a run of it."""
    (task,) = dag.tasks
    ran = dag.test()
    with create_session() as session:
        (one,) = ran.get_task_instances(session=session)
        given = session.scalar(XComModel.get_many(run_id=ran.run_id, dag_ids=dag.dag_id, key="return_value"))
        ended = {"state": str(one.state), "tries": one.try_number, "totals": given and given.value}
    return ended | {
        "timetable": dag.timetable.serialize(),
        "paused": dag.is_paused_upon_creation,
        "tags": sorted(dag.tags),
        "runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "pool": task.pool,
    }


def main(commands: str, holds: str, out: str) -> None:
    for words in json.loads(commands):
        command(*words)
    threading.Thread(target=end_the_load_that, args=[Path(holds)], daemon=True).start()
    bag = DagBag(DAGS_FOLDER)
    with create_session() as session:
        pools = {name: pool["total"] for name, pool in Pool.slots_stats(session=session).items()}
    found = {"errors": bag.import_errors, "pools": pools, "dags": {dag.dag_id: told(dag) for dag in bag.dags.values()}}
    Path(out).write_text(json.dumps(found, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
