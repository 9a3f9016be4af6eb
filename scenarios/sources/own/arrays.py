"""NumPy arrays: an .npz with x and y, or a folder with x.npy and y.npy; test_x and test_y may be beside them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scenarios import rows
from scenarios.errors import RequestError
from scenarios.rows import Inputs
from scenarios.sources.own.npy import ArrayRows, Stored, stored_npy, stored_npz, tensor_of
from scenarios.sources.own.parts import check_finite, classes_of, source_of
from scenarios.sources.source import Source

NAMES = ("x", "y", "test_x", "test_y")

CHANNELS = (1, 3, 4)
"""As many as images have."""


def read_npz(path: Path, test: float) -> Source:
    """The arrays of an .npz.

    Raises:
        RequestError: where one is missing or damaged, or they do not go together.
    """
    return _source(path, stored_npz(path), test)


def read_folder_of_arrays(path: Path, test: float) -> Source:
    """The arrays of a folder, one a file.

    Raises:
        RequestError: as `read_npz`.
    """
    return _source(
        path, {name: stored_npy(path / f"{name}.npy") for name in NAMES if (path / f"{name}.npy").exists()}, test
    )


def _source(path: Path, found: Mapping[str, Stored], test: float) -> Source:
    for name in ("x", "y"):
        if name not in found:
            raise RequestError(f"{path} holds {', '.join(found) or 'nothing'}, but no {name}: it should hold x and y")
    if ("test_x" in found) != ("test_y" in found):
        raise RequestError(f"{path} should hold test_x and test_y, or neither")
    x, labels = _inputs(found["x"]), _labels(found["x"], found["y"])
    if "test_x" not in found:
        classes, y = classes_of(found["y"].where, labels)
        return source_of(str(path), classes, x, y, test)
    test_x, test_labels = _inputs(found["test_x"]), _labels(found["test_x"], found["test_y"])
    if (test_x.shape[1:], test_x.dtype) != (x.shape[1:], x.dtype):
        raise RequestError(
            f"{path}: x and test_x should be alike, but are {_told(found['x'])} and {_told(found['test_x'])}"
        )
    for one, other, name in (((labels), test_labels, "test_y"), (test_labels, labels, "y")):
        if missing := sorted(set(one.tolist()) - set(other.tolist())):
            raise RequestError(f"{found[name].where} has no example of class {missing[0]}, which the other part has")
    classes, y = classes_of(found["y"].where, np.concatenate([labels, test_labels]))
    return Source(str(path), classes, x, y[: len(labels)], test_x, y[len(labels) :])


def _inputs(stored: Stored) -> Inputs:
    """x as examples hold it, in memory or, where it is large, in its file."""
    if stored.dtype != np.uint8 and stored.dtype.kind != "f":
        raise RequestError(
            f"{stored.where} is {stored.dtype}: it should be uint8 (pixels from 0 to 255) or float32 (taken as it is)"
        )
    if len(stored.shape) < 2 or 0 in stored.shape:
        raise RequestError(
            f"{stored.where} has shape {stored.shape}: it should be (examples, …), with two or more dimensions"
        )
    row = stored.shape[1:]
    channels_last = len(row) == 3 and row[-1] in CHANNELS and row[0] not in CHANNELS
    shape = (row[-1], *row[:-1]) if channels_last else row
    shape = (1, *shape) if len(shape) == 2 else shape
    x: Inputs
    if stored.nbytes > rows.LARGE and stored.offset is not None:
        if stored.fortran:
            raise RequestError(f"{stored.where} lies in Fortran's order: save np.ascontiguousarray of it")
        x = ArrayRows(stored, shape, channels_last=channels_last)
    else:
        x = tensor_of(stored.load(), channels_last=channels_last).reshape(stored.shape[0], *shape)
    check_finite(stored.where, x)
    return x


def _labels(x: Stored, y: Stored) -> np.ndarray:
    """The labels: whole numbers from 0, or text."""
    if len(y.shape) != 1 or y.shape[0] != x.shape[0]:
        raise RequestError(
            f"{x.where} has {x.shape[0]} rows, and {y.where} has shape {y.shape}: it should be ({x.shape[0]},)"
        )
    labels = y.load()
    if labels.dtype.kind == "f":
        odd = np.nonzero(labels != np.floor(labels))[0]
        example = f", and row {odd[0]} is {labels[odd[0]]}" if len(odd) else ""
        raise RequestError(f"{y.where} is {labels.dtype}{example}: labels should be whole numbers, as of y.astype(int)")
    if labels.dtype.kind not in "iuUb":
        raise RequestError(f"{y.where} is {labels.dtype}: labels should be whole numbers from 0, or text")
    if labels.dtype.kind == "i" and labels.min() < 0:
        row = int(np.argmin(labels))
        raise RequestError(f"{y.where}: row {row} is {labels[row]}, out of range: labels should be 0 or more")
    return labels


def _told(stored: Stored) -> str:
    return f"{stored.dtype} {stored.shape}"
