"""EMNIST's letters, from wherever this machine has them."""

from dataclasses import replace
from pathlib import Path

from scenarios.sources.family import FourFiles
from scenarios.sources.source import Source, register

# Only the whole archive has a published checksum, which torchvision holds it to.
DATA = FourFiles(
    title="EMNIST (letters)",
    folder="emnist",
    torchvision="EMNIST",
    inner="EMNIST/raw",
    parts=({"split": "letters"},),
    sums={
        "emnist-letters-train-images-idx3-ubyte": None,
        "emnist-letters-train-labels-idx1-ubyte": None,
        "emnist-letters-test-images-idx3-ubyte": None,
        "emnist-letters-test-labels-idx1-ubyte": None,
    },
)


@register("emnist-letters", classes=26, shape=(1, 28, 28))
def emnist_letters(root: Path | None = None) -> Source:
    """EMNIST letters: 124,800 + 20,800 handwritten letters, capital or small, 28×28 (Cohen et al. 2017).

    The files number them from 1 and hold pictures column by column; here a is 0, and they stand upright. Tested on
    small files of the same format: the data itself was not at hand.
    """
    read = DATA.source("emnist-letters", tuple("abcdefghijklmnopqrstuvwxyz"), root)
    x, test_x = (pictures.mT.contiguous() for pictures in read.in_memory)
    return replace(read, x=x, y=read.y - 1, test_x=test_x, test_y=read.test_y - 1)
