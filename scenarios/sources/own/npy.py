"""Arrays in .npy files and in .npz members: what they hold, and reading their rows where they lie."""

import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from scenarios.errors import RequestError
from scenarios.rows import Rows, room


@dataclass(frozen=True)
class Stored:
    """An array in a file, of which the header alone has been read.

    Attributes:
        path: the file.
        member: of an .npz: the name of the array; None of an .npy.
        shape, dtype: of the array.
        fortran: whether its columns, not its rows, lie together.
        offset: where in the file its first number is; None where it is compressed.
    """

    path: Path
    member: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int | None

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"{self.member} of {self.path}" if self.member else str(self.path)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def load(self) -> NDArray[Any]:
        """The array, in memory.

        Raises:
            RequestError: where the file is damaged.
        """
        try:
            if self.member is None:
                return np.asarray(np.load(self.path, allow_pickle=False))
            with np.load(self.path, allow_pickle=False) as file:
                return np.asarray(file[self.member])
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RequestError(f"{self.where} is damaged: {' '.join(str(error).split())}; write it again") from None


def stored_npy(path: Path) -> Stored:
    """What the header of an .npy says.

    Raises:
        RequestError: where it is none, or holds objects, or less than the header says.
    """
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(file, str(path))
        found = Stored(path, None, shape, dtype, fortran, file.tell())
    return _checked(found)


def stored_npz(path: Path) -> dict[str, Stored]:
    """What the headers of the arrays in an .npz say, by name.

    Raises:
        RequestError: as `stored_npy`.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as member:
                    shape, fortran, dtype = _header(member, f"{name} of {path}")
                    within = member.tell()
                plain = info.compress_type == zipfile.ZIP_STORED
                offset = _start(path, info) + within if plain else None
                found[name] = _checked(Stored(path, name, shape, dtype, fortran, offset))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RequestError(f"{path} is no .npz, or a truncated one ({error}): write it again with np.savez") from None
    return found


class ArrayRows(Rows):
    """Rows of a stored array, read at their places in the file: unlike what is mapped, nothing stays in memory.

    Args:
        stored: neither compressed nor in Fortran's order.
        shape: of one row as it is given; [height, width, channels] of the file becomes [channels, height, width]
            with `channels_last`.
        channels_last: whether that is so.
    """

    def __init__(self, stored: Stored, shape: tuple[int, ...], *, channels_last: bool) -> None:
        super().__init__([stored.shape[0], *shape], torch.uint8 if stored.dtype == np.uint8 else torch.float32)
        self.stored = stored
        self.channels_last = channels_last

    def read(self, numbers: Tensor) -> Tensor:
        stored = self.stored
        row = math.prod(stored.shape[1:]) * stored.dtype.itemsize
        flat = room([len(numbers) * row], torch.uint8).numpy()
        raw = flat.view(stored.dtype).reshape(len(numbers), *stored.shape[1:])
        assert stored.offset is not None
        file = os.open(stored.path, os.O_RDONLY)
        try:
            for start, count in _runs(numbers):
                first = int(numbers[start])
                part = flat.data[start * row : (start + count) * row]
                if os.preadv(file, [part], stored.offset + first * row) != count * row:
                    raise RequestError(f"{stored.where} has changed: it ends before row {first + count}")
        finally:
            os.close(file)
        return tensor_of(raw, channels_last=self.channels_last).reshape(len(numbers), *self.shape[1:])


def tensor_of(array: NDArray[Any], *, channels_last: bool) -> Tensor:
    """Rows as examples hold them: uint8 as it is, everything else float32."""
    array = array if array.dtype == np.uint8 else array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1) if channels_last else array))


def _runs(numbers: Tensor) -> list[tuple[int, int]]:
    """Where stretches of consecutive numbers begin, and how long they are."""
    breaks = (numbers.diff() != 1).nonzero().squeeze(1) + 1
    starts = [0, *breaks.tolist()] if len(numbers) else []
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True)]


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"{where} is no array of NumPy's, or a truncated one: {reason}") from None
    if dtype.hasobject:
        raise RequestError(f"{where} holds Python objects, which are never unpickled: save it as an array of numbers")
    return shape, fortran, dtype


def _checked(found: Stored) -> Stored:
    missing = 0 if found.offset is None else found.offset + found.nbytes - found.path.stat().st_size
    if missing > 0:
        raise RequestError(f"{found.where} is truncated: {missing} bytes are missing; write it again")
    return found


def _start(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the content of a member begins: after its local header, whose length stands in it."""
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        lengths = file.read(4)
    return info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
