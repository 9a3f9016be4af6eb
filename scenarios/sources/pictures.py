"""Images in files, one each, as one tensor of bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor


def read_pictures(paths: Sequence[Path], shape: tuple[int, int, int]) -> "Tensor":
    """The images in files as uint8 [N, channels, height, width], resized where they have another size.

    Raises:
        RequestError: where a file is missing or no image; it names the file.
    """
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
