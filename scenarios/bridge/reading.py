"""The examples of another library's data set, read into memory once."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from scenarios.errors import RequestError

CHUNK = 1024
"""Examples that are brought together at a time, so that few are floats at once."""


class Split(NamedTuple):
    """Inputs and labels, as the library numbers its classes."""

    x: Tensor
    y: Tensor


def read(dataset: Any, where: str) -> Split:
    """All examples of a data set whose items begin with an input and a label.

    Images become bytes: PIL images and arrays of bytes, and floats that are all multiples of 1/255 (what
    torchvision's ToTensor makes of bytes). Everything else becomes float32.

    Args:
        dataset: with `len` and items.
        where: what an error calls it.

    Raises:
        RequestError: where it is empty, or examples are not of one shape, or a label is no whole number.
    """
    if not len(dataset):
        raise RequestError(f"{where} has no examples: every task needs some")
    parts, labels = [], []
    for start in range(0, len(dataset), CHUNK):
        items = [dataset[index] for index in range(start, min(start + CHUNK, len(dataset)))]
        inputs = [tensor_of(item[0], where) for item in items]
        labels += [_label(item[1], where) for item in items]
        if len(shapes := {tuple(x.shape) for x in inputs}) > 1:
            raise RequestError(f"{where} has inputs of shapes {sorted(shapes)[:3]}: all must be of one, so resize them")
        parts.append(as_bytes(torch.stack(inputs)))
    if len({part.dtype for part in parts}) > 1:
        parts = [part.float() / 255 if part.dtype == torch.uint8 else part for part in parts]
    if len(shapes := {tuple(part.shape[1:]) for part in parts}) > 1:
        raise RequestError(f"{where} has inputs of shapes {sorted(shapes)[:3]}: all must be of one, so resize them")
    return Split(torch.cat(parts), torch.tensor(labels))


def tensor_of(x: Any, where: str) -> Tensor:
    """One input as a tensor, an image with its channels first.

    Raises:
        RequestError: where it is neither image, array nor tensor, or holds what is no number.
    """
    if hasattr(x, "getbands"):  # a PIL image
        x = x if x.mode in ("L", "RGB") else x.convert("L" if x.mode in ("1", "LA") else "RGB")
        x = np.asarray(x)
    if isinstance(x, np.ndarray):
        if x.dtype == np.uint8 and x.ndim in (2, 3):
            x = np.moveaxis(np.atleast_3d(x), 2, 0)
        x = torch.from_numpy(np.ascontiguousarray(x))
    if not isinstance(x, Tensor):
        raise RequestError(f"{where} has an input that is a {type(x).__name__}: images, arrays and tensors can be read")
    if x.dtype != torch.uint8:
        x = x.float()
        if not bool(x.isfinite().all()):
            raise RequestError(f"{where} has an input that is not finite (NaN or infinite)")
    return x


def as_bytes(x: Tensor) -> Tensor:
    """Floats that are bytes divided by 255, as these bytes; everything else as it is."""
    if x.dtype == torch.uint8 or bool((x < 0).any()) or bool((x > 1).any()):
        return x
    scaled = x * 255
    whole = scaled.round()
    return whole.to(torch.uint8) if bool(((scaled - whole).abs() < 1e-3).all()) else x


def _label(y: Any, where: str) -> int:
    try:
        number = float(y)
    except (TypeError, ValueError):
        number = 0.5
    if number != int(number):
        raise RequestError(f"{where} has the label {str(y)[:40]}: a label must be a whole number")
    return int(number)
