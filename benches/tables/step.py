"""A step of training: each strategy against the plain loop of naive training."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median

from benches.report import Cell, Table
from benches.timing import Measure, in_turn, ratio
from benches.work import Work, scenario
from benches.workers import forgetless, plain

COLUMNS: dict[str, Callable[[Work], Measure]] = {
    "eager": forgetless.second_task,
    "compiled": partial(forgetless.second_task, compiled=True),
}
"""The ways there are to take a step."""

STRATEGIES = {"naive": {}, "hat": {}, "ewc": {"strength": 1.0, "samples": 64}, "rehearsal": {"memory": 500}}

SIZES = (
    ("mlp:100x100", 10, 7),
    ("mlp:100x100", 128, 7),
    ("mlp:400x400", 10, 7),
    ("mlp:400x400", 128, 5),
    ("cnn", 32, 3),
)
"""Network, batch and rounds: the shorter a round, the more of them."""

SECONDS = 0.1
"""How long the plain loop is at work in a round."""

LEAST = 101
"""Steps a round at least: the trainer reports every 50, and what comes before the first report is not counted."""

TEXT = """\
A step of training in the second task of `split-fashion:task`, on one thread, as a multiple of a step of the plain
loop: the same data, network, optimiser and number of steps, all in one process. The plain loop trains naively whatever
the strategy beside it, so the ratio shows what the strategy costs as well. EWC's penalty is active; the memory of
rehearsal is full, and its step is one of twice the examples, whoever takes it: the last line of each network and batch
is the plain loop itself with twice the batch. "Eager" is a step as written, "compiled" the same hooks as one compiled
function; compiling, which takes from 5 to 20 seconds, is not in it."""


def enough(work: Work) -> int:
    """Steps a round."""
    return max(LEAST, round(SECONDS / min(plain.a_step(work)() for _ in range(2))))


def measure() -> Table:
    whole = scenario("split-fashion:task,validation=0")
    rows: list[list[Cell]] = []
    for network, batch_size, rounds in SIZES:
        work = Work(whole, network, batch_size, LEAST)
        work = replace(work, iterations=enough(work))
        twice = plain.a_step(replace(work, batch_size=2 * batch_size))
        measures: dict[str, Measure] = {"plain": plain.a_step(work), "twice": twice}
        for strategy, hyperparameters in STRATEGIES.items():
            ours = replace(work, strategy=strategy, hyperparameters=hyperparameters)
            for column, worker in COLUMNS.items():
                measures[f"{strategy} {column}"] = worker(ours)
        measured = in_turn(measures, rounds)
        for strategy in STRATEGIES:
            ratios = [ratio(measured, f"{strategy} {column}", "plain") for column in COLUMNS]
            rows.append([network, batch_size, strategy, 1000 * median(measured["plain"]), *ratios])
        double = ratio(measured, "twice", "plain")
        rows.append([network, batch_size, "plain loop, twice", 1000 * median(measured["plain"]), double, None])
    columns = {"network": "", "batch": "n", "strategy": "", "plain loop": "ms"} | dict.fromkeys(COLUMNS, "×")
    return Table("step", "A step", TEXT, columns, rows)
