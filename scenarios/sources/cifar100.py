"""CIFAR-100, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.cifar import Cifar
from scenarios.sources.source import Source, register

DATA = Cifar(
    title="CIFAR-100",
    folder="cifar100",
    torchvision="CIFAR100",
    inner="cifar-100-python",
    labelled="fine_labels",
    named="fine_label_names",
    sums={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)


@register("cifar100", classes=100, shape=(3, 32, 32))
def cifar100(root: Path | None = None) -> Source:
    """CIFAR-100: 50,000 + 10,000 colour photographs of 100 fine classes, 32×32 (Krizhevsky 2009).

    Tested on small files of the same format: the data itself was not at hand.
    """
    return DATA.source("cifar100", root)
