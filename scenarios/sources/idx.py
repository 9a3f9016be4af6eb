"""The idx format of MNIST and its relatives: a magic number, the sizes, then the bytes."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor

UNSIGNED_BYTES = 0x08


def read_idx(path: Path, sha256: str | None = None) -> "Tensor":
    """The uint8 tensor in an idx file, gzipped or not.

    Args:
        path: the file.
        sha256: of the file's content once unpacked; None where any content will do.

    Raises:
        RequestError: where the file is truncated, is in another format, or is not the one expected.
    """
    import torch

    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RequestError(f"{path} cannot be read: {error}; fetch it again") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTES:
        raise RequestError(f"{path} is no idx file of bytes: it starts with {content[:4].hex(' ') or 'nothing'}")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4)]
    if len(content) < header or len(content) != header + math.prod(shape):
        raise RequestError(
            f"{path} should hold {'×'.join(map(str, shape))} bytes after its header, "
            f"but holds {max(0, len(content) - header)}: it is truncated or damaged; fetch it again"
        )
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise RequestError(f"{path} is not the expected file: its checksum differs; fetch it again")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[header:].reshape(shape)
