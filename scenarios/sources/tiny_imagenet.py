"""Tiny ImageNet, from wherever this machine has it."""

from pathlib import Path

from scenarios.errors import RequestError
from scenarios.sources.files import Files
from scenarios.sources.pictures import files, read_pictures
from scenarios.sources.source import Source, register

DATA = Files(
    title="Tiny ImageNet",
    folder="tiny-imagenet-200",
    sums={"wnids.txt": None, "train": None, "val/images": None, "val/val_annotations.txt": None},
    advice="unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip and say where with --data or $FORGETLESS_DATA",
)
SHAPE = (3, 64, 64)


@register("tiny-imagenet", classes=200, shape=(3, 64, 64))
def tiny_imagenet(root: Path | None = None) -> Source:
    """Tiny ImageNet: 100,000 + 10,000 colour photographs of 200 classes, 64×64 (Le & Yang 2015).

    Its validation images are the test examples, since its own test images have no published labels; a class is called
    by its WordNet number. Tested on small files of the same format: the data itself was not at hand.
    """
    import torch

    folder = DATA.find(root)
    labels = (folder / "wnids.txt").read_text(errors="replace").split()
    number = {label: index for index, label in enumerate(labels)}
    paths, y = [], []
    for label in labels:
        found = files(folder / "train" / label / "images", "*.JPEG")
        paths += found
        y += [number[label]] * len(found)
    tested, test_y = [], []
    listed = folder / "val" / "val_annotations.txt"
    for row, line in enumerate(listed.read_text(errors="replace").splitlines(), 1):
        name, _, rest = line.partition("\t")
        label = rest.partition("\t")[0]
        if label not in number:
            raise RequestError(f"{listed}, line {row}: a file and one of the classes of wnids.txt are wanted")
        tested.append(folder / "val" / "images" / name)
        test_y.append(number[label])
    if not labels or not tested:
        raise RequestError(f"{listed if labels else folder / 'wnids.txt'} lists nothing")
    x, test_x = read_pictures(paths, SHAPE), read_pictures(tested, SHAPE)
    return Source("tiny-imagenet", tuple(labels), x, torch.tensor(y), test_x, torch.tensor(test_y))
