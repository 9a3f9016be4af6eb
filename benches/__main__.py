"""Measure what Forgetless costs, and write it down.

python -m benches                  all tables, printed and kept in build/bench.json (`make bench`)
python -m benches step run         some of them; the others stay as they were
python -m benches --write          docs/performance.md, its pictures and numbers, from build/bench.json
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch._dynamo

from benches import page
from benches.report import Report, Table
from benches.tables import denormals, growth, peers, replicas, run, startup, step, threads
from benches.tables.peers import Peer

TABLES: dict[str, Callable[[], Table]] = {
    "step": step.measure,
    "replicas": replicas.measure,
    "together": replicas.measure_runs,
    "run": run.measure,
    "startup": startup.measure,
    "memory": startup.measure_memory,
    "tasks": growth.measure_tasks,
    "examples": growth.measure_examples,
    "parameters": growth.measure_parameters,
    "threads": threads.measure,
}
"""What `make bench` measures."""

ON_DEMAND: dict[str, Callable[[], Table]] = {"denormals": denormals.measure, "gpu": replicas.measure_gpu}
"""What takes too long for it, or needs a GPU."""

ORDER = (
    "step",
    "replicas",
    "together",
    "gpu",
    "run",
    "peers",
    "startup",
    "memory",
    "tasks",
    "examples",
    "parameters",
    "threads",
    "denormals",
)
"""Of the tables on the page."""

KEPT = Path("build/bench.json")


def main() -> None:
    parser = argparse.ArgumentParser("python -m benches", description="What Forgetless costs, and against whom.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join([*TABLES, *ON_DEMAND, "peers"]))
    parser.add_argument("--write", action="store_true", help=f"write docs/performance.md from {KEPT}, measure nothing")
    parser.add_argument("--mammoth", type=Path, metavar="PATH", help="a checkout of aimagelab/mammoth, to compare with")
    parser.add_argument("--vandeven", type=Path, metavar="PATH", help="one of GMvandeVen/continual-learning")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PYTHON", help="has what those two need")
    asked = parser.parse_args()
    if asked.write:
        if not KEPT.exists():
            parser.error(f"there is no {KEPT} yet: make bench measures it")
        page.write(Report.read(KEPT))
        return
    others = [
        Peer(name, driver, checkout, asked.peer_python)
        for name, driver, checkout in (
            ("Mammoth", "mammoth", asked.mammoth),
            ("continual-learning", "vandeven", asked.vandeven),
        )
        if checkout is not None
    ]
    tables = {**TABLES, **({"peers": partial(peers.measure, others)} if others else {}), **ON_DEMAND}
    if unknown := set(asked.tables) - set(tables):
        parser.error(f"{', '.join(sorted(unknown))}: the tables are {', '.join(tables)} (peers with a checkout)")
    measure({name: tables[name] for name in asked.tables or tables if name in asked.tables or name not in ON_DEMAND})


def measure(tables: dict[str, Callable[[], Table]]) -> None:
    """Measure tables one after another; each is printed and kept as soon as it is there."""
    report = Report()
    if KEPT.exists():
        report.tables = Report.read(KEPT).tables
    torch.set_num_threads(1)
    began = time.perf_counter()
    for name, table in tables.items():
        start = time.perf_counter()
        measured = table()
        report.tables[name] = replace(
            measured, seconds=round(time.perf_counter() - start, 1), load=round(os.getloadavg()[1], 1)
        )
        page.show(report.tables[name])
        report.tables = {name: report.tables[name] for name in ORDER if name in report.tables}
        report.write(KEPT)
    print(f"{time.perf_counter() - began:.0f} s in all. Written to {KEPT}; python -m benches --write makes the page.")


if __name__ == "__main__":
    main()
