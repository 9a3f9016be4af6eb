"""Every prediction of a run, kept beside its record so that a metric thought of later needs no second run.

One safetensors file. Of the test examples of all tasks, in order, it holds

    label, task         output number and task of each example, [examples]

and of each row i of the accuracy matrix (0: before the first task), only what was tested:

    tasks/i             the tasks tested, in order
    predicted/i         output numbers on the examples of those tasks; −1 where no class was active
    confidence/i        softmax probability of the prediction among the active classes, float16
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from benchmark.files import write_atomically
from benchmark.outcome import Outcome
from benchmark.tensor_file import Stored, header
from scenarios.errors import RequestError

FILE = "predictions.safetensors"

UNTESTED = -2
"""Stands for the prediction on an example whose task was not tested."""

_TYPES = {np.dtype(np.int16): "I16", np.dtype(np.int32): "I32", np.dtype(np.float16): "F16"}


@dataclass(frozen=True)
class Answers:
    """One row: what was answered on the test examples of all tasks, in order.

    Attributes:
        predicted: output numbers [examples]; −1 where no class was active, −2 where the task was not tested.
        confidence: softmax probability of the prediction among the active classes, float16 [examples]; 0 where
            there is none.
    """

    predicted: NDArray[np.signedinteger]
    confidence: NDArray[np.float16]


@dataclass(frozen=True)
class Predictions:
    """What a run predicted.

    Attributes:
        label, task: output number and task of each test example, [examples].
        rows: one for each row of the accuracy matrix; read from the file when they are looked at.
    """

    label: NDArray[np.signedinteger]
    task: NDArray[np.signedinteger]
    rows: Sequence[Answers]


class _StoredRows(Sequence[Answers]):
    """Rows in a file, of which one at a time is in memory."""

    def __init__(self, path: Path, file: Any, task: NDArray[np.signedinteger], length: int) -> None:
        self.path, self.file, self.task, self.length = path, file, task, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        row = range(self.length)[index]
        if isinstance(row, range):
            return [self[each] for each in row]
        try:
            tasks, predicted, confidence = (
                self.file.get_tensor(f"{name}/{row}") for name in ("tasks", "predicted", "confidence")
            )
            tested = np.isin(self.task, tasks)
            answers = Answers(
                np.full(len(self.task), UNTESTED, predicted.dtype), np.zeros(len(self.task), confidence.dtype)
            )
            answers.predicted[tested] = predicted
            answers.confidence[tested] = confidence
        except (SafetensorError, ValueError) as error:
            raise RequestError(f"{self.path} has no valid row {row}: {error}") from None
        return answers


def read_predictions(folder: Path) -> Predictions:
    """The predictions in a run's folder.

    Raises:
        RequestError: where they are missing or damaged.
    """
    path = folder / FILE
    try:
        file = safe_open(str(path), framework="np")
        label, task = file.get_tensor("label"), file.get_tensor("task")
        length = sum(name.startswith("tasks/") for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from None
    return Predictions(label, task, _StoredRows(path, file, task, length))


def write_predictions(folder: Path, labels: Sequence[NDArray[np.signedinteger]], outcome: Outcome) -> None:
    """Write the file into a run's folder; a reader finds the whole of it or nothing.

    Rows are written as they are read from the outcome, so that they are never in memory together.

    Args:
        folder: of the run.
        labels: of the test examples of each task.
        outcome: of the run, with at least one row.
    """
    write_atomically(folder / FILE, _content(labels, outcome))


def _content(labels: Sequence[NDArray[np.signedinteger]], outcome: Outcome) -> Iterator[bytes]:
    """The file, part by part: a header that says what lies where, then the tensors without gaps."""
    number = np.dtype(outcome.rows[0].predicted.dtype)
    sizes = [len(each) for each in labels]
    answers = [sum(sizes[task] for task in row.tasks) for row in outcome.rows]
    # The largest numbers first, so that each lies at a multiple of its size.
    shapes: dict[str, tuple[np.dtype[Any], int]] = {"task": (np.dtype(np.int32), sum(sizes))}
    shapes |= {f"tasks/{index}": (np.dtype(np.int32), len(row.tasks)) for index, row in enumerate(outcome.rows)}
    shapes |= {"label": (number, sum(sizes))}
    shapes |= {f"predicted/{index}": (number, size) for index, size in enumerate(answers)}
    shapes |= {f"confidence/{index}": (np.dtype(np.float16), size) for index, size in enumerate(answers)}
    yield header(Stored(name, _TYPES[kind], [size], kind.itemsize * size) for name, (kind, size) in shapes.items())
    yield np.repeat(np.arange(len(sizes), dtype=np.int32), sizes).tobytes()
    for row in outcome.rows:
        yield np.array(row.tasks, np.int32).tobytes()
    yield np.concatenate(labels).astype(number).tobytes()
    for row in outcome.rows:
        yield row.predicted.tobytes()
    for row in outcome.rows:
        yield row.confidence.tobytes()
