"""What CIFAR-10 and CIFAR-100 share: batches of images as pickles, and a pickle of names."""

from dataclasses import dataclass
from pathlib import Path

from scenarios.errors import RequestError
from scenarios.sources.arrays import images, numbers, read_pickle
from scenarios.sources.files import Files
from scenarios.sources.source import Source


@dataclass(frozen=True)
class Cifar(Files):
    """One of the two: its last two files are the test batch and the names.

    Attributes:
        labelled, named: the keys of labels in a batch, and of names.
    """

    labelled: str = "labels"
    named: str = "label_names"

    def source(self, name: str, root: Path | None) -> Source:
        """The data set, read and held to its checksums.

        Raises:
            RequestError: where it is nowhere to be had, or a file is not what it should be.
        """
        import torch

        folder = self.find(root)
        *batches, meta = (self.file(folder, name) for name in self.sums)
        parts = []
        for path in batches:
            batch = read_pickle(path, "data", self.labelled)
            x, y = images(path, batch["data"], (3, 32, 32)), numbers(path, batch[self.labelled])
            if len(x) != len(y):
                raise RequestError(f"{path} has {len(x)} images, but {len(y)} labels")
            parts.append((x, y))
        *training, (test_x, test_y) = parts
        x, y = (torch.cat(each) for each in zip(*training, strict=True))
        labels = tuple(str(label) for label in read_pickle(meta, self.named)[self.named])
        return Source(name, labels, x, y, test_x, test_y)
