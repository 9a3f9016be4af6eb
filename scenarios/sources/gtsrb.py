"""German traffic signs, from wherever this machine has them."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError
from scenarios.sources.files import Files
from scenarios.sources.pictures import files, folders, read_pictures
from scenarios.sources.source import Source, register

if TYPE_CHECKING:
    from torch import Tensor

# Only the archives have published checksums, which torchvision holds them to.
DATA = Files(
    title="GTSRB",
    folder="gtsrb",
    torchvision="GTSRB",
    inner="gtsrb",
    parts=({"split": "train"}, {"split": "test"}),
    sums={"GTSRB/Training": None, "GTSRB/Final_Test/Images": None, "GT-final_test.csv": None},
)
SHAPE = (3, 32, 32)


@register("gtsrb", classes=43, shape=(3, 32, 32))
def gtsrb(root: Path | None = None) -> Source:
    """GTSRB: 26,640 + 12,630 photographs of German traffic signs, resized to 32×32 (Stallkamp et al. 2011).

    The training images are those that torchvision downloads, in folders 00000 to 00042. Tested on small files of the
    same format: the data itself was not at hand.
    """
    import torch

    folder = DATA.find(root)
    classes = folders(folder / "GTSRB" / "Training")
    paths, y = [], []
    for label, each in enumerate(classes):
        if each.name != f"{label:05}":
            raise RequestError(f"{each} should be called {label:05}: a folder is missing, or one too many")
        found = files(each, "*.ppm")
        paths += found
        y += [label] * len(found)
    test_x, test_y = _test(folder)
    labels = tuple(str(label) for label in range(len(classes)))
    return Source("gtsrb", labels, read_pictures(paths, SHAPE), torch.tensor(y), test_x, test_y)


def _test(folder: Path) -> "tuple[Tensor, Tensor]":
    import torch

    listed = folder / "GT-final_test.csv"
    paths, y = [], []
    try:
        with listed.open(newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                path, label = folder / "GTSRB" / "Final_Test" / "Images" / row["Filename"], int(row["ClassId"])
                paths.append(path)
                y.append(label)
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise RequestError(
            f"{listed}, line {len(paths) + 2}: Filename;…;ClassId are wanted ({type(error).__name__}: {error})"
        ) from None
    if not paths:
        raise RequestError(f"{listed} lists no images")
    return read_pictures(paths, SHAPE), torch.tensor(y)
