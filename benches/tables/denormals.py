"""Numbers near the smallest that a float can be: whether they slow training, and what flushing them to zero changes.

Not part of `make bench`, which has to end: `python -m benches denormals` (decision 10).
"""

from functools import partial
from statistics import median
from typing import Any

import torch

from benches.report import Cell, Table
from benches.timing import in_turn, ratio, seconds
from benches.work import Work, scenario
from benches.workers.forgetless import Learner

EPOCHS = 10
FAINT = 1e-38
"""What the faint network's first weights are multiplied with."""

RUNS: dict[str, tuple[str, dict[str, Any], float]] = {
    "naive": ("naive", {}, 1.0),
    "naive, momentum 0.9": ("naive", {"momentum": 0.9}, 1.0),
    "naive, Adam, carried over": ("naive", {"optimizer": "adam", "lr": 0.001, "carry_optimizer": True}, 1.0),
    "HAT, smax 400": ("hat", {}, 1.0),
    "naive, faint network": ("naive", {}, FAINT),
}
"""Strategy, further settings, and the scale of the first weights."""

TEXT = f"""\
Two runs with the same seeds, `mlp:400x400`, batches of 128, {EPOCHS} passes over each of five tasks, on one thread: one
keeps denormal numbers, the other goes with `torch.set_flush_denormal(True)`; they learn each task in turn. The ratio is
the median over tasks. "Held" is the share of the strategy's numbers, weights first of all, that are denormal at the end
of the run that keeps them. The faint network begins with its weights at {FAINT:.0e} of what they would be, so that
nearly all it computes with is denormal: nothing could be worse. The first line is a hundred products of matrices."""


def measure() -> Table:
    rows = [product()]
    for name, (strategy, fields, scale) in RUNS.items():
        work = Work(scenario("split-fashion:task"), "mlp:400x400", 128, epochs=EPOCHS, strategy=strategy)
        learners = {flush: Learner(work, scale, **fields) for flush in (False, True)}
        taken: dict[bool, list[float]] = {False: [], True: []}
        for index in range(len(work.scenario.tasks)):
            for flush in (False, True) if index % 2 else (True, False):
                torch.set_flush_denormal(flush)
                taken[flush].append(learners[flush].learn(index))
                torch.set_flush_denormal(False)
        kept, flushed = learners[False].numbers(), learners[True].numbers()
        held = float(((kept != 0) & (kept.abs() < torch.finfo(kept.dtype).tiny)).float().mean())
        numbers = "same" if torch.equal(kept, flushed) else f"differ by {float((kept - flushed).abs().max()):.0e}"
        flushed_to_kept = ratio({"flushed": taken[True], "kept": taken[False]}, "flushed", "kept")
        rows.append([name, sum(taken[False]), flushed_to_kept, 100 * held, numbers])
    columns = {"what": "", "denormals kept": "s", "flushed": "×", "held": "%", "numbers": ""}
    return Table("denormals", "Denormal numbers", TEXT, columns, rows)


def product() -> list[Cell]:
    """A product of matrices of denormal numbers, as of a layer of 400 units: its row."""
    left, right = torch.full((128, 400), 1e-40), torch.rand(400, 400)

    def with_flushing(flush: bool) -> float:
        torch.set_flush_denormal(flush)
        taken = seconds(lambda: [left @ right for _ in range(100)])
        torch.set_flush_denormal(False)
        return taken

    measured = in_turn({"kept": partial(with_flushing, False), "flushed": partial(with_flushing, True)}, 21)
    return [
        "128×400 by 400×400, the first denormal",
        median(measured["kept"]),
        ratio(measured, "flushed", "kept"),
        None,
        "",
    ]
