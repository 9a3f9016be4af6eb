"""The handwritten digits that come with scikit-learn: always there, small enough for a first try."""

from pathlib import Path

from scenarios.sources.source import Source, register


@register("digits", classes=10, shape=(1, 8, 8), data="with scikit-learn")
def digits(root: Path | None = None) -> Source:
    """1,797 handwritten digits of 8×8 pixels (scikit-learn's copy of UCI's optdigits test set).

    Every fifth example of each class is a test example: 1,442 for training and 355 for testing, the same
    for everybody. The original 17 grey levels are spread over 0…255.
    """
    import torch
    from sklearn.datasets import load_digits

    from scenarios.sources.parts import every_fifth

    data = load_digits()
    x = torch.from_numpy(data.images * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
    y = torch.from_numpy(data.target).long()
    test = every_fifth(y)
    return Source("digits", tuple("0123456789"), x[~test], y[~test], x[test], y[test])
