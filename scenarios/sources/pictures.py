"""Images in files, one each, as one tensor of bytes."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from scenarios.errors import RequestError
from scenarios.sources.files import cache

if TYPE_CHECKING:
    from torch import Tensor


MANY = 20_000
"""From so many files on what was read is kept in the cache: a hundred thousand take minutes each time."""


def read_pictures(paths: Sequence[Path], shape: tuple[int, int, int]) -> "Tensor":
    """The images in files as uint8 [N, channels, height, width], resized where they have another size.

    Many are kept, as one file in the cache, under a digest of the names, sizes and times of change of theirs.

    Raises:
        RequestError: where a file is missing or no image; it names the file.
    """
    if len(paths) < MANY:
        return _decode(paths, shape)
    kept = cache() / "pictures" / f"{_digest(paths, shape)}.npy"
    if (found := _kept(kept, (len(paths), *shape))) is None:
        found = _decode(paths, shape)
        _keep(kept, found)
    return found


def _decode(paths: Sequence[Path], shape: tuple[int, int, int]) -> "Tensor":
    import numpy as np
    import torch
    from PIL import Image

    channels, height, width = shape
    found = torch.empty(len(paths), *shape, dtype=torch.uint8)
    for index, path in enumerate(paths):
        try:
            with Image.open(path) as file:
                picture = file.convert("L" if channels == 1 else "RGB")
        except Exception as error:  # a damaged image can fail in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RequestError(f"{path} cannot be read as an image: {reason}") from None
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        found[index] = torch.from_numpy(np.array(picture).reshape(height, width, channels)).permute(2, 0, 1)
    return found


def _digest(paths: Sequence[Path], shape: tuple[int, int, int]) -> str:
    digest = hashlib.sha256(repr(shape).encode())
    for path in paths:
        try:
            about = path.stat()
        except OSError as error:
            raise RequestError(f"{path} cannot be read as an image: {error.strerror}") from None
        digest.update(repr((str(path.absolute()), about.st_size, about.st_mtime_ns)).encode())
    return digest.hexdigest()


def _kept(path: Path, shape: tuple[int, ...]) -> "Tensor | None":
    import numpy as np
    import torch

    try:
        found = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return torch.from_numpy(found) if found.shape == shape and found.dtype == np.uint8 else None


def _keep(path: Path, images: "Tensor") -> None:
    """Write it beside and move it into place once it is whole; a cache that cannot be written is done without."""
    import numpy as np

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            unfinished = Path(file.name)
            try:
                np.save(file, images.numpy())
                file.flush()
                os.fsync(file.fileno())
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError:
        return


def folders(parent: Path) -> list[Path]:
    """The folders in a folder, by name.

    Raises:
        RequestError: where there are none.
    """
    found = sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
    if not found:
        raise RequestError(f"{parent} should hold a folder a class, but holds none")
    return found


def files(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that fit a pattern, by name.

    Raises:
        RequestError: where there are none.
    """
    found = sorted(folder.glob(pattern))
    if not found:
        raise RequestError(f"{folder} should hold images {pattern}, but holds none")
    return found
