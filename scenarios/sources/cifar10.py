"""CIFAR-10, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.cifar import Cifar
from scenarios.sources.source import Source, register

DATA = Cifar(
    title="CIFAR-10",
    folder="cifar10",
    torchvision="CIFAR10",
    inner="cifar-10-batches-py",
    sums={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
)


@register("cifar10", classes=10, shape=(3, 32, 32))
def cifar10(root: Path | None = None) -> Source:
    """CIFAR-10: 50,000 + 10,000 colour photographs, 32×32 (Krizhevsky 2009).

    Tested on small files of the same format: the data itself was not at hand.
    """
    return DATA.source("cifar10", root)
