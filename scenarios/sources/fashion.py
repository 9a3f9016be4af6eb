"""Fashion-MNIST, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.family import FourFiles
from scenarios.sources.source import Source, register

DATA = FourFiles(
    title="Fashion-MNIST",
    folder="fashion-mnist",
    torchvision="FashionMNIST",
    inner="FashionMNIST/raw",
    sums={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    debian=(Path("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist"),
)
LABELS = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@register("fashion", classes=10, shape=(1, 28, 28))
def fashion(root: Path | None = None) -> Source:
    """Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28×28 (Xiao et al. 2017)."""
    return DATA.source("fashion", LABELS, root)
