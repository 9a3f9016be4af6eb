"""A path as a source: which names are paths, and who reads what lies there."""

from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from scenarios.errors import RequestError
from scenarios.sources.own.parts import Share
from scenarios.sources.source import Source

SUFFIXES = (".npz", ".csv", ".parquet")
"""Of the files that can be a source."""

KINDS = (
    "a folder of class folders with images (or train/ and test/ of such), an .npz with x and y, "
    "a folder with x.npy and y.npy, or a .csv or .parquet with a label column"
)
"""What a path can lead to."""

Colour = Literal["grey", "rgb"]


def is_path(name: str) -> bool:
    """Whether a name stands for a path: it has a slash, ends as a file of data does, or is a folder."""
    return bool(name) and ("/" in name or "\\" in name or name.lower().endswith(SUFFIXES) or Path(name).is_dir())


def read_own(
    path: Path,
    *,
    test: Share = 0.2,
    label: str | None = None,
    size: PositiveInt | None = None,
    colour: Colour | None = None,
) -> Source:
    """The data at a path.

    Args:
        path: a folder or a file.
        test: share of each class's examples that is kept for testing, always the same; of data that comes with a
            test part of its own, nothing is drawn.
        label: of a table, the column that names the class; one called label, class, target or y where left out.
        size: of images, the height and width to which each is brought; None where all have one size.
        colour: of images, whether they are read as grey or rgb; None where all are the one or the other.

    Raises:
        RequestError: where there is nothing of that kind, or it is damaged; it names the file, and says what is right.
    """
    for option, value in (("label", label), ("size", size), ("colour", colour)):
        wanted = "tables" if option == "label" else "folders of images"
        is_table = path.suffix.lower() in (".csv", ".parquet")
        is_images = _is_folder_of_images(path)
        if value is not None and path.exists() and not (is_table if option == "label" else is_images):
            raise RequestError(f"{path}: {option}={value} is for {wanted}: leave it out")
    try:
        if not path.exists():
            place = "" if path.is_absolute() else f" (from {Path.cwd()})"
            raise RequestError(f"there is nothing at {path}{place}: a path can be {KINDS}")
        if path.is_dir():
            if not _is_folder_of_images(path):
                from scenarios.sources.own.arrays import read_folder_of_arrays

                return read_folder_of_arrays(path, test)
            from scenarios.sources.own.folder import read_folder

            return read_folder(path, test, size, colour)
        if path.suffix.lower() == ".npz":
            from scenarios.sources.own.arrays import read_npz

            return read_npz(path, test)
        if path.suffix.lower() in SUFFIXES:
            from scenarios.sources.own.table import read_table

            return read_table(path, test, label)
    except OSError as error:
        raise RequestError(f"{error.filename or path} cannot be read: {error.strerror or error}") from None
    raise RequestError(f"{path} is of no kind that can be read: a path can be {KINDS}")


def damaged_files(path: Path) -> list[str]:
    """What is wrong with each file of a folder of images that cannot be decoded; other kinds are read whole anyway.

    Raises:
        RequestError: where there are no class folders.
    """
    if not _is_folder_of_images(path):
        return []
    from scenarios.sources.own.folder import damaged_images

    return damaged_images(path)


def _is_folder_of_images(path: Path) -> bool:
    return path.is_dir() and not (path / "x.npy").exists() and not (path / "y.npy").exists()
