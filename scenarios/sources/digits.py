"""The handwritten digits that come with scikit-learn: always there, small enough for a first try."""

from pathlib import Path

import torch

from scenarios.sources.source import Source, register


@register("digits")
def digits(root: Path | None = None) -> Source:
    """1,797 handwritten digits of 8×8 pixels (scikit-learn's copy of UCI's optdigits test set).

    Every fifth example of each class is a test example: 1,433 for training and 364 for testing, the same
    for everybody. The original 17 grey levels are spread over 0…255.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    x = torch.from_numpy(data.images * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
    y = torch.from_numpy(data.target).long()
    place_in_class = torch.zeros_like(y)
    for label in range(10):
        place_in_class[y == label] = torch.arange(int((y == label).sum()))
    test = place_in_class % 5 == 4
    return Source("digits", tuple("0123456789"), x[~test], y[~test], x[test], y[test])
