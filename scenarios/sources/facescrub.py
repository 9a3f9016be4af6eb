"""FaceScrub's hundred faces, from wherever this machine has them."""

from pathlib import Path

from scenarios.sources.arrays import images, numbers, read_pickle
from scenarios.sources.files import Files
from scenarios.sources.source import Source, register

DATA = Files(
    title="FaceScrub (100 faces)",
    folder="facescrub",
    sums={"facescrub_train_100.pkl": None, "facescrub_test_100.pkl": None},
    advice="unpack facescrub_100.zip of https://github.com/nkundiushuti/facescrub_subset and say where with --data or "
    "$FORGETLESS_DATA",
)


@register("facescrub", classes=100, shape=(3, 32, 32))
def facescrub(root: Path | None = None) -> Source:
    """FaceScrub: photographs of a hundred faces, 32×32 (Ng & Winkler 2014), as Serrà et al. 2018 publish them.

    Read are the two pickles of `features` and `labels` of their subset. Tested on small files of the same format: the
    data itself was not at hand.
    """
    folder = DATA.find(root)
    parts = []
    for name in DATA.sums:
        path = DATA.file(folder, name)
        content = read_pickle(path, "features", "labels")
        parts += [images(path, content["features"], (3, 32, 32)), numbers(path, content["labels"])]
    return Source("facescrub", tuple(str(number) for number in range(100)), *parts)
