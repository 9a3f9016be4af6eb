"""The contract of an observer, and the guard that keeps a broken one from ending a run."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.record import RunRecord
from benchmark.spec import RunSpec


@dataclass(frozen=True)
class Step:
    """Where a run is. Tasks and steps count from 1.

    Attributes:
        task: the current task.
        step: the last step taken within it.
        steps: of the task; an estimate where early stopping may end it.
        losses: of the steps taken since the last report, oldest first.
        total_steps: taken since the run began.
    """

    task: int
    step: int
    steps: int
    losses: Sequence[float]
    total_steps: int


class Observer:
    """Is told what happens. Every method may be left out; none can change a run."""

    def run_started(self, spec: RunSpec, tasks: Sequence[str]) -> None:
        """A run begins, on tasks of these names."""

    def stepped(self, step: Step) -> None:
        """Some steps were taken; told every so many steps, not after each."""

    def evaluated(self, task: int, accuracy: Sequence[float | None]) -> None:
        """Accuracies after task `task` (0: before the first), one row of the matrix; None for tasks not evaluated."""

    def run_ended(self, record: RunRecord) -> None:
        """A run ended, whichever way."""


class Observers(Observer):
    """Several observers as one. One that raises is reported once on stderr, then told no more."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = list(observers)

    def run_started(self, spec: RunSpec, tasks: Sequence[str]) -> None:
        self._tell(lambda observer: observer.run_started(spec, tasks))

    def stepped(self, step: Step) -> None:
        self._tell(lambda observer: observer.stepped(step))

    def evaluated(self, task: int, accuracy: Sequence[float | None]) -> None:
        self._tell(lambda observer: observer.evaluated(task, accuracy))

    def run_ended(self, record: RunRecord) -> None:
        self._tell(lambda observer: observer.run_ended(record))

    def _tell(self, call: Callable[[Observer], None]) -> None:
        for observer in list(self.observers):
            try:
                call(observer)
            except Exception as error:
                self.observers.remove(observer)
                name = type(observer).__name__
                print(
                    f"{name} broke and is left out of this run: {' '.join(str(error).split())}",
                    file=sys.stderr,
                )
