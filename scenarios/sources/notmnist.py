"""notMNIST, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.files import Files
from scenarios.sources.pictures import files, read_pictures
from scenarios.sources.source import Source, register

LABELS = tuple("ABCDEFGHIJ")
# Two files of the archive are empty, as it is published.
EMPTY = {"RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png", "Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png"}

DATA = Files(
    title="notMNIST (small)",
    folder="notMNIST_small",
    sums=dict.fromkeys(LABELS),
    advice="unpack notMNIST_small.tar.gz of http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html and say where "
    "with --data or $FORGETLESS_DATA",
)


@register("notmnist", classes=10, shape=(1, 28, 28))
def notmnist(root: Path | None = None) -> Source:
    """notMNIST (small): 14,979 + 3,745 letters A to J of fonts, 28×28 (Bulatov 2011).

    It comes without test part: every fifth example of each class, by name of file, is one. Tested on small files of
    the same format: the data itself was not at hand.
    """
    import torch

    from scenarios.sources.parts import every_fifth

    folder = DATA.find(root)
    paths, numbers = [], []
    for number, label in enumerate(LABELS):
        found = [path for path in files(folder / label, "*.png") if path.name not in EMPTY]
        paths += found
        numbers += [number] * len(found)
    x, y = read_pictures(paths, (1, 28, 28)), torch.tensor(numbers)
    test = every_fifth(y)
    return Source("notmnist", LABELS, x[~test], y[~test], x[test], y[test])
