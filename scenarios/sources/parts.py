"""Test examples for sources that come without: the same for everybody."""

from torch import Tensor, arange, zeros_like


def every_fifth(y: Tensor) -> Tensor:
    """Which examples are test examples, bool [N]: the fifth, tenth, … of each class."""
    place_in_class = zeros_like(y)
    for label in y.unique():
        members = y == label
        place_in_class[members] = arange(int(members.sum()))
    return place_in_class % 5 == 4
