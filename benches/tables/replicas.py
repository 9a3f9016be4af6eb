"""Several seeds of an entry trained at once: what a step of each costs then."""

from dataclasses import replace
from statistics import median

from benches.report import Cell, Table
from benches.tables.step import LEAST, ROUNDS, STRATEGIES, enough
from benches.timing import Measure, in_turn, ratio
from benches.work import Work, scenario
from benches.workers import forgetless, plain

SIZES = (("mlp:100x100", 10), ("mlp:400x400", 10))
REPLICAS = (10,)

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
