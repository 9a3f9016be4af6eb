"""What training leaves behind: rows of the matrices, answers, costs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation import Evaluation
from benchmark.record import AnytimeRow, TaskCosts


@dataclass(frozen=True)
class StoredEvaluation:
    """An `Evaluation` whose answers are on disk, and are read when they are looked at.

    Attributes:
        tasks, accuracy: as those of `Evaluation`.
        answers, kind: how many there are, and the type of the numbers predicted ("int16").
        path, place: the file, and where in it `predicted` begins; `confidence` follows.
    """

    tasks: tuple[int, ...]
    accuracy: list[float | None]
    answers: int
    kind: str
    path: Path
    place: int

    @classmethod
    def restored(cls, facts: dict[str, Any], path: Path, place: int) -> "StoredEvaluation":
        """The evaluation of which `facts` were written down, its answers at a place in a file."""
        return cls(**{**facts, "tasks": tuple(facts["tasks"])}, path=path, place=place)

    @property
    def end(self) -> int:
        """Where in the file what follows begins."""
        return self.place + self.answers * (np.dtype(self.kind).itemsize + np.dtype(np.float16).itemsize)

    @property
    def predicted(self) -> NDArray[np.signedinteger]:
        return self._read(self.kind, self.place)

    @property
    def confidence(self) -> NDArray[np.float16]:
        return self._read("float16", self.place + self.answers * np.dtype(self.kind).itemsize)

    def _read(self, kind: str, place: int) -> NDArray[Any]:
        found = np.fromfile(self.path, kind, self.answers, offset=place)
        if len(found) < self.answers:
            raise OSError(f"{self.path} is cut short")
        return found


def facts_of(row: Evaluation | StoredEvaluation) -> dict[str, Any]:
    """All of an evaluation but its answers, as JSON has it."""
    kind, answers = row.predicted.dtype.name, len(row.predicted)
    return {"tasks": row.tasks, "accuracy": row.accuracy, "answers": answers, "kind": kind}


@dataclass
class Outcome:
    """What a run has come to, filled row by row so that an interrupted run keeps what it had."""

    rows: list[Evaluation | StoredEvaluation] = field(default_factory=list)
    anytime: list[AnytimeRow] = field(default_factory=list)
    costs: list[TaskCosts] = field(default_factory=list)
