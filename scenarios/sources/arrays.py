"""Pickled arrays, as CIFAR and others are published, read without running what else a pickle can hold."""

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor

ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""What is called to make an array of a pickle."""


class Unpickler(pickle.Unpickler):
    """Makes arrays, numbers, text and their containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_pickle(path: Path, *keys: str) -> dict[str, Any]:
    """The dictionary in a pickle, which must have these keys.

    Raises:
        RequestError: where the file is truncated, foreign, or holds more than arrays.
    """
    try:
        found = Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can fail in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(f"{path} is no pickle of arrays: {reason}; fetch it again") from None
    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing:
        raise RequestError(f"{path} has no {missing[0]!r}: it is not the expected file")
    return dict(found)


def images(path: Path, values: Any, shape: tuple[int, ...]) -> "Tensor":
    """Rows of bytes as images [N, …] of a shape.

    Raises:
        RequestError: where they have another size, or are no bytes.
    """
    import numpy as np
    import torch

    array = np.asarray(values)
    if array.ndim < 2 or array[0].size != np.prod(shape):
        raise RequestError(f"{path} holds an array {array.shape}: images of {'×'.join(map(str, shape))} are wanted")
    numeric = np.issubdtype(array.dtype, np.number)
    if array.dtype != np.uint8 and not (numeric and ((array >= 0) & (array <= 255) & (array % 1 == 0)).all()):
        raise RequestError(f"{path} holds {array.dtype} beyond the bytes 0 to 255")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.uint8).reshape(-1, *shape))


def numbers(path: Path, values: Any) -> "Tensor":
    """Labels [N], which must be whole numbers.

    Raises:
        RequestError: where they are not.
    """
    import numpy as np
    import torch

    array = np.asarray(values).reshape(-1)
    if not np.issubdtype(array.dtype, np.number) or not (array % 1 == 0).all():
        raise RequestError(f"{path} has labels that are no whole numbers ({array.dtype})")
    return torch.from_numpy(array.astype(np.int64))
