"""Every prediction of a run, kept beside its record so that a metric thought of later needs no second run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from benchmark.record import write_atomically
from scenarios.errors import RequestError

FILE = "predictions.safetensors"


@dataclass(frozen=True)
class Predictions:
    """What a run predicted, row by row, on all test examples of all tasks in order.

    Attributes:
        predicted: output numbers int16 [rows, examples]; −1 where no class was active.
        confidence: softmax probability of the prediction among active classes, float16 [rows, examples].
        label, task: of each example, int16 [examples].
    """

    predicted: NDArray[np.int16]
    confidence: NDArray[np.float16]
    label: NDArray[np.int16]
    task: NDArray[np.int16]

    def write(self, folder: Path) -> None:
        """Write the file into a run's folder; a reader finds the whole of it or nothing."""
        write_atomically(folder / FILE, save({name: np.ascontiguousarray(value) for name, value in vars(self).items()}))


def read_predictions(folder: Path) -> Predictions:
    """The predictions in a run's folder.

    Raises:
        RequestError: where they are missing or damaged.
    """
    try:
        return Predictions(**load_file(folder / FILE))
    except (OSError, SafetensorError, TypeError) as error:
        raise RequestError(f"{folder / FILE} cannot be read: {error}") from None
