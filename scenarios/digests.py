"""What identifies tensors: SHA-256 of a whole one, and a fingerprint of each of its rows."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_digests = WeakTensorKeyDictionary()
_fingerprints = WeakTensorKeyDictionary()

MIXED = 2**18
"""Bytes of rows that are mixed at once: what fits a processor's cache."""

STAFFORD = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
LAST = np.uint64(31)
"""Shifts and factors of David Stafford's mixing function, variant 13."""


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's type, shape and bytes; one that many tasks share is hashed once."""
    if tensor not in _digests:
        digest = hashlib.sha256(tensor_header(tensor.dtype, tensor.shape))
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
        _digests[tensor] = digest.hexdigest()
    return str(_digests[tensor])


def tensor_header(dtype: torch.dtype, shape: Sequence[int]) -> bytes:
    """What is hashed before the bytes."""
    return repr((dtype, tuple(shape))).encode()


def tensor_fingerprints(tensor: Tensor) -> Tensor:
    """As `row_fingerprints`, of a tensor that many tasks may share: they are computed once."""
    if tensor not in _fingerprints:
        _fingerprints[tensor] = row_fingerprints(tensor)
    found: Tensor = _fingerprints[tensor]
    return found


def row_fingerprints(x: Tensor) -> Tensor:
    """A number for each row, int64 [N]: the same where the rows hold the same, another where they do not.

    Two different rows that nobody made for it have one fingerprint with a chance of about 2⁻⁶⁴: each eight bytes of a
    row are mixed, with a number drawn for their place, as SplitMix64 mixes its counter (Steele, Lea & Flood 2014), and
    the results are added up.
    """
    flat = x.detach().cpu().flatten(1)
    size = flat.shape[1] * flat.dtype.itemsize
    drawn = np.random.Generator(np.random.Philox(0))
    places = drawn.integers(2**64, size=-(-size // 8), dtype=np.uint64)
    found = [np.empty(0, np.uint64)]
    for part in flat.split(max(1, MIXED // max(1, size))):
        # Minus zero equals zero, though its bytes do not.
        values = part + 0.0 if part.is_floating_point() else part.contiguous()
        rows = values.numpy().view(np.uint8)
        words = (np.pad(rows, ((0, 0), (0, -size % 8))) if size % 8 else rows).view(np.uint64)
        mixed = words ^ places
        for shift, factor in STAFFORD:
            mixed ^= mixed >> shift
            mixed *= factor
        mixed ^= mixed >> LAST
        found.append(mixed.sum(1))
    return torch.from_numpy(np.concatenate(found).view(np.int64))
