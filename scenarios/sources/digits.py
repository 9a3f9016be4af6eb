"""The handwritten digits that come with scikit-learn: always there, small enough for a first try."""

from importlib.util import find_spec
from pathlib import Path

from scenarios.sources.source import Source, register

FILE = "datasets/data/digits.csv.gz"
"""Within scikit-learn. Its own `load_digits` reads the same, but importing it takes as long as a small run."""


@register("digits", classes=10, shape=(1, 8, 8), data="with scikit-learn")
def digits(root: Path | None = None) -> Source:
    """1,797 handwritten digits of 8×8 pixels (scikit-learn's copy of UCI's optdigits test set).

    Every fifth example of each class is a test example: 1,442 for training and 355 for testing, the same
    for everybody. The original 17 grey levels are spread over 0…255.
    """
    import numpy as np
    import torch

    from scenarios.sources.parts import every_fifth

    package = find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations
    rows = torch.from_numpy(np.loadtxt(Path(package.submodule_search_locations[0], FILE), delimiter=","))
    pixels, y = rows[:, :-1].reshape(-1, 1, 8, 8), rows[:, -1].long()
    x = (pixels * (255 / 16)).round().to(torch.uint8)
    test = every_fifth(y)
    return Source("digits", tuple("0123456789"), x[~test], y[~test], x[test], y[test])
