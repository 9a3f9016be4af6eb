"""A whole run: five tasks, with the evaluation that belongs to them."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from benches.report import Cell, Table
from benches.timing import Measure, in_turn, ratio
from benches.work import Work, scenario
from benches.workers import avalanche, forgetless, plain

Worker = Callable[[Work], tuple[float, float]]
"""Makes the run: seconds, and the accuracy on the last task, which shows that the work was done."""

SCENARIO = "split-fashion:class,active=all,validation=0.6"
SIZES = (("mlp:400x400", 10), ("mlp:400x400", 128))
ROUNDS = 2

TEXT = """\
Naive training on the five tasks of Split-Fashion-MNIST, all ten classes active, one pass over 24,000 examples in all,
tested on all 10,000 test examples before the first task and after each, on one thread. The plain loop does the same
evaluation in batches of 1024. Forgetless makes its whole `run`: checkpoints, record and predictions on disk. Avalanche
0.6.0 runs twice: lean, with float tensors in memory, one metric and no logger; and as in its classics, with pictures
through `ToTensor`, accuracy and loss metrics and a text logger. The accuracy is that on the last task: it shows that
all have done the work."""


def ours(work: Work) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        return forgetless.whole_run(work, Path(folder))


WORKERS: dict[str, Worker] = {
    "plain loop": plain.whole_run,
    "Forgetless": ours,
    "Avalanche, lean": avalanche.lean,
    "Avalanche, classic": avalanche.classic,
}


def measure() -> Table:
    rows: list[list[Cell]] = []
    for network, batch_size in SIZES:
        work = Work(scenario(SCENARIO), network, batch_size)
        accuracy: dict[str, float] = {}

        def timed(name: str, work: Work, accuracy: dict[str, float]) -> float:
            seconds, accuracy[name] = WORKERS[name](work)
            return seconds

        measures: dict[str, Measure] = {name: partial(timed, name, work, accuracy) for name in WORKERS}
        measured = in_turn(measures, ROUNDS)
        for name in WORKERS:
            taken = median(measured[name])
            rows.append([network, batch_size, name, taken, ratio(measured, name, "plain loop"), 100 * accuracy[name]])
    columns = {"network": "", "batch": "n", "who": "", "time": "s", "ratio": "×", "accuracy": "%"}
    return Table("run", "A whole run", TEXT, columns, rows)
