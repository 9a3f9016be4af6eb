"""A folder of class folders with images."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from scenarios import rows
from scenarios.errors import RequestError
from scenarios.rows import Inputs, Rows, ahead
from scenarios.sources.own.parts import source_of
from scenarios.sources.own.whole import suspicious
from scenarios.sources.source import Source

MODES = {"1": "grey", "L": "grey", "LA": "grey", "P": "rgb", "RGB": "rgb", "RGBA": "rgb", "CMYK": "rgb", "YCbCr": "rgb"}
"""What each of Pillow's 8-bit modes is read as."""

SYSTEM = {"thumbs.db", "desktop.ini"}
"""Files that systems leave in folders; hidden ones are passed over as well."""

ALL = " (forgetless list scenarios --check names all such files)"
"""What an error about one file ends with: there may be more."""


class ImageRows(Rows):
    """Images as uint8 [N, channels, height, width], decoded when they are asked for.

    Args:
        files: one image each.
        width, height: of all; others are brought to it where `resize` says so.
        colour: "grey" or "rgb".
        resize: whether images of other sizes are meant to be here.
    """

    def __init__(self, files: Sequence[Path], width: int, height: int, colour: str, *, resize: bool) -> None:
        super().__init__([len(files), 3 if colour == "rgb" else 1, height, width], torch.uint8)
        # As one array of text: pickled and indexed faster than a list of paths, and a tenth of its size.
        self.files = np.array([str(file) for file in files])
        self.size = (width, height)
        self.mode = "RGB" if colour == "rgb" else "L"
        self.resize = resize

    def read(self, numbers: Tensor) -> Tensor:
        x = torch.empty([len(numbers), *self.shape[1:]], dtype=torch.uint8)
        for place, number in enumerate(numbers.tolist()):
            pixels = np.array(self.image(str(self.files[number])))
            x[place] = torch.from_numpy(pixels).reshape(*pixels.shape[:2], -1).permute(2, 0, 1)
        return x

    def image(self, file: str) -> Image.Image:
        """One image, decoded.

        Raises:
            RequestError: where it is damaged.
        """
        image = _decoded(file, self.mode)
        if image.size != self.size:
            if not self.resize:
                raise RequestError(f"{file} has changed: it was of {_size(self.size)} pixels")
            image = image.resize(self.size, Image.Resampling.BILINEAR)
        return image

    def content(self) -> tuple[str, Tensor]:
        """SHA-256 of the chosen files, as they are, and of how they are read; and a fingerprint of each file.

        Raises:
            RequestError: where a file is cut short, or otherwise damaged in a way that shows without decoding it.
        """
        digest = hashlib.sha256(repr((tuple(self.shape), self.mode)).encode())
        found = []
        for content in ahead(self._file_digest, [str(self.files[number]) for number in self.numbers.tolist()]):
            digest.update(content)
            found.append(int.from_bytes(content[:8], "little", signed=True))
        return digest.hexdigest(), torch.tensor(found, dtype=torch.int64)

    def _file_digest(self, file: str) -> bytes:
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise RequestError(f"{file} cannot be read: {_line(error)}") from None
        if suspicious(content):
            _decoded(file, self.mode)  # Pillow may be able to read it all the same
        return hashlib.sha256(content).digest()


def damaged_images(path: Path) -> list[str]:
    """What is wrong with each file in the class folders that cannot be read as an image; all are decoded.

    Raises:
        RequestError: where there are no class folders.
    """

    def fault(file: Path) -> str | None:
        try:
            _decoded(str(file), "RGB")
        except RequestError as error:
            return str(error).removesuffix(ALL)
        return None

    files = [file for part in _parts(path) for file in _classes(part)[1]]
    return [found for found in ahead(fault, files) if found is not None]


def read_folder(path: Path, test: float, size: int | None, colour: str | None) -> Source:
    """The images in class folders of `path`, or in those of its train/ and test/.

    Raises:
        RequestError: where a file is no image, or images do not go together.
    """
    parts = _parts(path)
    labels, files, y = _classes(parts[0])
    counts, tested = [len(files)], torch.empty(0, dtype=torch.long)
    if len(parts) == 2:
        others, more, tested = _classes(parts[1])
        for name in sorted(set(labels) ^ set(others)):
            lacking = parts[1] if name in labels else parts[0]
            raise RequestError(f"{lacking / name} is not there: train/ and test/ should have the same class folders")
        files, counts = files + more, [len(files), len(more)]
    x: Inputs = _images(files, size, colour)
    if isinstance(x, Rows) and len(x) * x.row_bytes <= rows.LARGE:
        x = x.load()
    if len(parts) == 1:
        return source_of(str(path), labels, x, y, test)
    return Source(str(path), labels, x[: counts[0]], y, x[counts[0] :], tested)


def _parts(path: Path) -> list[Path]:
    """What holds class folders: the folder itself, or its train/ and test/."""
    folders = _folders(path)
    if not any(folder.name == "train" and _folders(folder) for folder in folders):
        return [path]
    names = [folder.name for folder in folders]
    if other := next((name for name in names if name not in {"train", "test"}), None):
        raise RequestError(f"{path / other} lies beside train/: there should be train/ and test/, and nothing else")
    return [path / name for name in ("train", "test") if name in names]


def _classes(path: Path) -> tuple[tuple[str, ...], list[Path], Tensor]:
    """Names of the class folders, all their files, and the class number of each."""
    folders = _folders(path)
    if len(folders) < 2:
        has = f"{folders[0].name}/ alone" if folders else "no folders"
        raise RequestError(f"{path} holds {has}: it should hold two class folders or more, with images in each")
    files: list[Path] = []
    y: list[int] = []
    for number, folder in enumerate(folders):
        own = sorted(each for each in folder.iterdir() if not _passed_over(each))
        if not own:
            raise RequestError(f"{folder} is empty: put images of the class there, or remove it")
        files += own
        y += [number] * len(own)
    return tuple(folder.name for folder in folders), files, torch.tensor(y)


def _images(files: Sequence[Path], size: int | None, colour: str | None) -> ImageRows:
    """All of one size and one colour, which their headers say; nothing is decoded."""
    first: dict[Any, Path] = {}
    colours: dict[str, Path] = {}
    for file in files:
        with _opened(str(file)) as image:
            if image.mode not in MODES:
                raise RequestError(f"{file} has pixels of mode {image.mode}: save it as grey or RGB with 8 bits")
            first.setdefault(image.size, file)
            colours.setdefault(MODES[image.mode], file)
    if size is None and len(first) > 1:
        (one, here), (other, there), *_ = first.items()
        raise RequestError(
            f"{here} has {_size(one)} pixels, {there} {_size(other)}: with size=32, say, all are brought to 32×32"
        )
    if colour is None and len(colours) > 1:
        raise RequestError(
            f"{colours['grey']} is grey, {colours['rgb']} has colours: colour=rgb or colour=grey reads all alike"
        )
    width, height = (size, size) if size else next(iter(first))
    return ImageRows(files, width, height, colour or next(iter(colours)), resize=size is not None)


def _folders(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir() and not _passed_over(each))


def _passed_over(file: Path) -> bool:
    return file.name.startswith(".") or file.name.lower() in SYSTEM


def _opened(file: str) -> Image.Image:
    """An image whose header has been read."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        raise RequestError(f"{file} is no image that can be read: mend it, or remove it{ALL}") from None
    except IsADirectoryError:
        raise RequestError(f"{file} is a folder: a class folder should hold images alone") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RequestError(f"{file} cannot be read: {_line(error)}; mend it, or remove it{ALL}") from None


def _decoded(file: str, mode: str) -> Image.Image:
    """An image with all its pixels, grey for mode "L", or "RGB".

    Raises:
        RequestError: where it is damaged.
    """
    with _opened(file) as opened:
        try:
            return opened.convert(mode)
        except Exception as error:  # Pillow's decoders raise whatever they stumble over
            raise RequestError(f"{file} is damaged: {_line(error)}; save it again, or remove it{ALL}") from None


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
