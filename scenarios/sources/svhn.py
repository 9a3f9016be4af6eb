"""SVHN, from wherever this machine has it."""

from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError
from scenarios.sources.arrays import images, numbers
from scenarios.sources.files import Files
from scenarios.sources.source import Source, register

if TYPE_CHECKING:
    from torch import Tensor

DATA = Files(
    title="SVHN",
    folder="svhn",
    torchvision="SVHN",
    parts=({"split": "train"}, {"split": "test"}),
    sums={
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    },
)


@register("svhn", classes=10, shape=(3, 32, 32))
def svhn(root: Path | None = None) -> Source:
    """SVHN: 73,257 + 26,032 photographs of house numbers' digits, 32×32 (Netzer et al. 2011).

    The files call the digit 0 class 10; here it is 0. Tested on small files of the same format: the data itself was not
    at hand.
    """
    folder = DATA.find(root)
    return Source("svhn", tuple("0123456789"), *(part for name in DATA.sums for part in _read(folder, name)))


def _read(folder: Path, name: str) -> "tuple[Tensor, Tensor]":
    from scipy.io import loadmat

    path = DATA.file(folder, name)
    try:
        content = loadmat(path)
        x, y = content["X"], content["y"]
    except Exception as error:  # a damaged file can fail in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(f"{path} is no MATLAB file of X and y: {reason}; fetch it again") from None
    if x.ndim != 4:
        raise RequestError(f"{path} holds an array {x.shape}: height, width, colour and number are wanted")
    digits = numbers(path, y)
    digits[digits == 10] = 0
    return images(path, x.transpose(3, 2, 0, 1), (3, 32, 32)), digits
