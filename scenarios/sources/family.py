"""The family of MNIST: four idx files each, found wherever a machine has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError
from scenarios.sources.files import Files
from scenarios.sources.idx import read_idx
from scenarios.sources.source import Source

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FourFiles(Files):
    """A data set of the family: images and labels for training, then for testing, gzipped or not."""

    def source(self, name: str, labels: tuple[str, ...], root: Path | None) -> Source:
        """The data set, read and held to its checksums.

        Raises:
            RequestError: where it is nowhere to be had, or a file is not what it should be.
        """
        folder = self.find(root)
        x, y, test_x, test_y = (self.read(folder, name) for name in self.sums)
        if x.ndim != 3 or test_x.ndim != 3:
            raise RequestError(f"{folder / next(iter(self.sums))} holds no images, but an array of {x.ndim} dimensions")
        return Source(name, labels, x.unsqueeze(1), y.long(), test_x.unsqueeze(1), test_y.long())

    def read(self, folder: Path, name: str) -> "Tensor":
        """The array in a file.

        Raises:
            RequestError: where it is not what it should be.
        """
        expected = self.sums[name]
        return read_idx(self.file(folder, name), expected if expected and len(expected) == 64 else None)

    def _as_published(self, path: Path, name: str) -> bool:
        return path.suffix == ".gz"
