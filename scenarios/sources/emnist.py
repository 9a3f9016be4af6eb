"""EMNIST's balanced, from wherever this machine has them."""

from dataclasses import replace
from pathlib import Path

from scenarios.sources.family import FourFiles
from scenarios.sources.source import Source, register

# Only the whole archive has a published checksum, which torchvision holds it to.
DATA = FourFiles(
    title="EMNIST (balanced)",
    folder="emnist",
    torchvision="EMNIST",
    inner="EMNIST/raw",
    parts=({"split": "balanced"},),
    sums={
        "emnist-balanced-train-images-idx3-ubyte": None,
        "emnist-balanced-train-labels-idx1-ubyte": None,
        "emnist-balanced-test-images-idx3-ubyte": None,
        "emnist-balanced-test-labels-idx1-ubyte": None,
    },
)
LABELS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")


@register("emnist", classes=47, shape=(1, 28, 28))
def emnist(root: Path | None = None) -> Source:
    """EMNIST balanced: 112,800 + 18,800 handwritten digits and letters of 47 classes, 28×28 (Cohen et al. 2017).

    Small letters that look like their capitals are one class with them. The files hold pictures column by column; here
    they stand upright. Tested on small files of the same format: the data itself was not at hand.
    """
    read = DATA.source("emnist", LABELS, root)
    x, test_x = (pictures.mT.contiguous() for pictures in read.in_memory)
    return replace(read, x=x, test_x=test_x)
