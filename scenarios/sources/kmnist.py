"""Kuzushiji-MNIST, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.family import FourFiles
from scenarios.sources.source import Source, register

DATA = FourFiles(
    title="KMNIST",
    folder="kmnist",
    torchvision="KMNIST",
    inner="KMNIST/raw",
    sums={
        "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
    },
)


@register("kmnist", classes=10, shape=(1, 28, 28))
def kmnist(root: Path | None = None) -> Source:
    """KMNIST: 60,000 + 10,000 handwritten characters of old Japanese, 28×28 (Clanuwat et al. 2018).

    Tested on small files of the same format: the data itself was not at hand.
    """
    return DATA.source("kmnist", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), root)
