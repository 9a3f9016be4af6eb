"""SHA-256 of tensors."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_known = WeakTensorKeyDictionary()


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's type, shape and bytes; one that many tasks share is hashed once."""
    if tensor not in _known:
        digest = hashlib.sha256(tensor_header(tensor.dtype, tensor.shape))
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        _known[tensor] = digest.hexdigest()
    return str(_known[tensor])


def tensor_header(dtype: torch.dtype, shape: Sequence[int]) -> bytes:
    """What is hashed before the bytes."""
    return repr((dtype, tuple(shape))).encode()
