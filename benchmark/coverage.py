"""Which tasks are evaluated when: all of them, those seen, or a sample. No torch here: records are checked by it."""

from heapq import nsmallest
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmark.spec import RunSpec


class Coverage:
    """The cells of a run's matrices that its specification asks for, `RunSpec.evaluate`.

    - "all": every task in every row, so that every metric is defined. T tasks cost T² evaluations.
    - "seen": the tasks begun so far. Half of that; nothing is known of a task before it is learned.
    - "sample=K": the task just learned and K earlier ones, drawn anew for each row; all tasks in the last row.
      K + 1 evaluations a row, whatever the number of tasks.

    The draw hangs on the order seed and the row alone, so that runs of different strategies with one seed are
    evaluated on the same tasks. Nothing here touches training, and a cell that is evaluated holds the same
    number under each choice: hence the choice is no part of the protocol.

    Args:
        spec: of the run.
        tasks: how many there are.
    """

    def __init__(self, spec: RunSpec, tasks: int) -> None:
        self.tasks = tasks
        self.evaluate, _, size = spec.evaluate.partition("=")
        self.size = int(size or 0)
        self.seed = spec.seeds.order

    def within(self, task: int) -> list[int]:
        """The tasks evaluated in the middle of a task; tasks are numbered from 0."""
        if self.evaluate == "all":
            return list(range(self.tasks))
        if self.evaluate == "seen" or task <= self.size:
            return list(range(task + 1))
        # Of all that Python draws, only `random` is promised to stay the same for ever.
        draw = Random(f"tasks to evaluate:{self.seed}:{task}").random
        return [*sorted(nsmallest(self.size, range(task), key=lambda _: draw())), task]

    def after(self, task: int) -> list[int]:
        """The tasks evaluated after a task, a row of the matrix; −1 is the row before the first task."""
        whole = self.evaluate == "all" or task == self.tasks - 1
        return list(range(self.tasks)) if whole else self.within(task) if task >= 0 else []

    def seen(self, task: int) -> list[int]:
        """Those of `after` that have been learned: what properties are measured on."""
        return [other for other in self.after(task) if other <= task]

    def mask(self, rows: list[list[int]]) -> NDArray[np.bool_]:
        """Rows of tasks as a matrix of truth values, [rows, tasks]."""
        mask = np.zeros((len(rows), self.tasks), dtype=bool)
        for row, tasks in zip(mask, rows, strict=True):
            row[tasks] = True
        return mask
