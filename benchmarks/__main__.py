"""`python -m benchmarks WHAT`: quick, full, batch, upsert, partitions, ray, scale, slow, meltano, commits, data.

To be run from the top folder of a checkout.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import adoption, commits, data, machine, ray, report, slow_store, suite, through_meltano, upserts
from benchmarks.cases import Result
from benchmarks.readback import Mismatch
from benchmarks.shapes import SHAPES


def main() -> int:
    """Run what was asked for; 1 when our target does not get through or a table holds other rows than were sent."""
    asked = _arguments()
    if asked.what == "data":
        print(data.make(asked.shape, asked.records, asked.bad).path)
        return 0
    if asked.what == "commits":
        print(commits.measure(asked.commits))
        return 0
    try:
        if asked.what == "meltano":
            _meltano(asked.program, asked.rows)
            return 0
        if asked.what == "ray":
            return _ray(asked.files, asked.rows, isolated=asked.isolated)
        if asked.what == "upsert":
            _upsert(large=asked.large)
            return 0
        if asked.what == "slow":
            print("", *slow_store.lines(slow_store.results(asked.records, asked.rate)), sep="\n")
            return 0
        if asked.what == "batch":
            print("", *adoption.lines(adoption.results(asked.records)), sep="\n")
            return 0
        {"quick": _quick, "full": _full, "partitions": _partitions, "scale": _scale}[asked.what]()
    except (suite.Failed, Mismatch) as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    kinds.add_parser("quick", help="our target beside a plain SDK sink, a few minutes")
    merged = kinds.add_parser("upsert", help="upsert beside PyIceberg's Table.upsert")
    merged.add_argument("--large", action="store_true", help="also into ten million rows")
    kinds.add_parser("full", help="all shapes and peers; writes benchmarks/results/latest.json and docs/benchmarks.md")
    kinds.add_parser("partitions", help="365, 731 and 1,000 partitions beside none")
    spread = kinds.add_parser("ray", help="one BATCH of many files by one process, threads and two local nodes of Ray")
    spread.add_argument("files", type=int, nargs="?", default=ray.FILES)
    spread.add_argument("rows", type=int, nargs="?", default=ray.ROWS)
    spread.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    kinds.add_parser("scale", help="what a run costs with more records, streams and columns")
    run = kinds.add_parser(
        "meltano", help="one large CSV file through `meltano run`, as RECORD lines and as BATCH files"
    )
    run.add_argument("rows", type=int, nargs="?", default=through_meltano.ROWS)
    run.add_argument("--program", type=Path, default=Path(".venv-meltano/bin/meltano"), help="of Meltano")
    files = kinds.add_parser("batch", help="Parquet files adopted and written anew, beside a plain read and write")
    files.add_argument("records", type=int, nargs="?", default=adoption.RECORDS)
    slow = kinds.add_parser("slow", help="time and memory onto a local S3 that takes few bytes a second, beside itself")
    slow.add_argument("records", type=int, nargs="?", default=slow_store.RECORDS)
    slow.add_argument("--rate", type=int, default=slow_store.MIB_A_SECOND, metavar="MIB", help="that it takes a second")
    many = kinds.add_parser("commits", help="what the last of many commits to one table costs, beside the first")
    many.add_argument("commits", type=int, nargs="?", default=commits.COMMITS)
    made = kinds.add_parser("data", help="make a stream and print its path")
    made.add_argument("shape", choices=SHAPES)
    made.add_argument("records", type=int)
    made.add_argument("--bad", type=float, default=0.0, metavar="SHARE", help="share of rows that break the contract")
    return parser.parse_args()


def _upsert(*, large: bool) -> None:
    print("", *upserts.lines(list(upserts.cases(large=large))), sep="\n")


def _ray(files: int, rows: int, *, isolated: bool) -> int:
    if not isolated:
        return ray.main(files, rows)
    print("", *ray.measured(files, rows), sep="\n")
    return 0


def _meltano(program: Path, rows: int) -> None:
    print("", *through_meltano.lines(list(through_meltano.cases(program, rows))), sep="\n")


def _quick() -> None:
    results = suite.quick()
    _print(results)
    suite.insist(results)
    print(
        f"- rates are compared, not times: sdk-sink was given {suite.PEER_RECORDS:,} records, "
        "and start-up is a larger part of its run; the rates with that time taken off are the fairer ones"
    )


def _partitions() -> None:
    results = suite.partitions()
    _print(results)
    suite.insist(results)


def _scale() -> None:
    results = suite.scale()
    _print(results)
    suite.insist(results)


def _full() -> None:
    results = suite.full()
    where = machine.describe()
    packages = machine.packages([result.runner for result in results])
    report.save(results, where, packages)
    report.update_page(results, where, packages)
    _print(results)
    suite.insist(results)


def _print(results: list[Result]) -> None:
    shown = [result for result in results if result.case != "start-up"]
    print("", report.text_table(shown), "", *(f"- {note}" for note in report.notes(results)), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
