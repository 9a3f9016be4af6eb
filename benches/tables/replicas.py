"""Several seeds of an entry trained at once: what a step of each costs then, and the whole runs."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from benches.report import Cell, Table
from benches.tables.startup import FORGETLESS, python
from benches.tables.step import LEAST, STRATEGIES, enough
from benches.timing import Measure, in_turn, ratio
from benches.work import Work, scenario
from benches.workers import forgetless, plain

SIZES = (("mlp:100x100", 10), ("mlp:400x400", 10))
REPLICAS = (10,)
ROUNDS = 5

TEXT = """\
A step of each run where several runs, which differ in their seeds, train at once (`--replicas`): the time of the common
step, divided by the number of runs, as a multiple of the plain loop's step. As in the table above: one thread, the
second task of `split-fashion:task`, steps compiled."""


def measure() -> Table:
    whole = scenario("split-fashion:task,validation=0")
    rows: list[list[Cell]] = []
    for network, batch_size in SIZES:
        work = Work(whole, network, batch_size, LEAST)
        work = replace(work, iterations=max(LEAST, enough(work) // 2))
        measures: dict[str, Measure] = {"plain": plain.a_step(work)}
        for strategy, hyperparameters in STRATEGIES.items():
            ours = replace(work, strategy=strategy, hyperparameters=hyperparameters)
            for number in REPLICAS:
                measures[f"{strategy} {number}"] = forgetless.second_task(ours, compiled=True, replicas=number)
        measured = in_turn(measures, ROUNDS)
        for strategy in STRATEGIES:
            ratios = [ratio(measured, f"{strategy} {number}", "plain") for number in REPLICAS]
            rows.append([network, batch_size, strategy, 1000 * median(measured["plain"]), *ratios])
    columns = {"network": "", "batch": "n", "strategy": "", "plain loop": "ms"}
    columns |= {f"{number} at once": "×" for number in REPLICAS}
    return Table("replicas", "Replicas", TEXT, columns, rows)


HALF = "split-fashion:task,validation=0.5"
RUNS = ("--network", "mlp:100x100", "--batch-size", "10", "--epochs", "2", "--seeds", "10", "--quiet")
WAYS = {
    "a pool of two": ("--jobs", "2", "--threads", "1", "--compile", "off"),
    "at once": ("--replicas", "--threads", "2", "--compile", "on"),
}
RATES = {"ewc": "0.01"}

RUNS_TEXT = """\
Ten seeds of `split-fashion:task`, mlp:100x100, batch 10, two passes over half the examples of each task, as `forgetless
run` makes them: over a pool of two processes with one thread each, and at once with two threads. The time is that of
training the tasks after the first, as the records give it: what comes before the first step, and compiling, which takes
5 to 20 seconds once, are not in it."""


def measure_runs() -> Table:
    rows: list[list[Cell]] = []
    for strategy in STRATEGIES:
        pool, together = (training_seconds(strategy, way) for way in WAYS.values())
        rows.append([strategy, pool / 2, together, pool / 2 / together])
    columns = {"strategy": "", "a pool of two": "s", "at once": "s", "faster": "×"}
    return Table("together", "Ten runs", RUNS_TEXT, columns, rows)


def training_seconds(strategy: str, way: tuple[str, ...]) -> float:
    """Of ten runs together, from their records, without the first task."""
    arguments = ("run", HALF, strategy, "--lr", RATES.get(strategy, "0.05"), *RUNS, *way)
    with tempfile.TemporaryDirectory() as folder:
        python(*FORGETLESS, *arguments, "--out", "runs", folder=folder)
        records = [json.loads(path.read_text()) for path in Path(folder).rglob("record.json")]
    assert len(records) == 10
    return sum(task["seconds"] for record in records for task in record["costs"][1:])


GPU_TEXT = """A common step of ten runs as a multiple of a step of one, both compiled, on a GPU, in the second task of
`split-fashion:task`."""


def measure_gpu() -> Table:
    """Raises SystemExit where there is no GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("gpu: there is no GPU that torch can use here")
    whole = scenario("split-fashion:task,validation=0")
    rows: list[list[Cell]] = []
    for network, batch_size in SIZES:
        for strategy, hyperparameters in STRATEGIES.items():
            work = Work(whole, network, batch_size, 501, strategy=strategy, hyperparameters=hyperparameters)
            measures: dict[str, Measure] = {
                "one": forgetless.second_task(work, compiled=True, device="cuda"),
                "ten": forgetless.second_task(work, compiled=True, replicas=10, device="cuda"),
            }
            measured = in_turn(measures, ROUNDS)
            one, ten = median(measured["one"]), 10 * ratio(measured, "ten", "one")
            rows.append([network, batch_size, strategy, 1000 * one, ten])
    columns = {"network": "", "batch": "n", "strategy": "", "one": "ms", "ten at once": "×"}
    return Table("gpu", "Replicas on a GPU", GPU_TEXT, columns, rows)
