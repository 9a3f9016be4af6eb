"""Fashion-MNIST, from wherever this machine has it."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from scenarios.errors import RequestError
from scenarios.sources.idx import read_idx
from scenarios.sources.source import Source, register

FILES = {  # file name without .gz, and the SHA-256 of its content unpacked
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
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
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@register("fashion")
def fashion(root: Path | None = None) -> Source:
    """Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28×28 (Xiao et al. 2017)."""
    folder = _find(root)
    arrays = [read_idx(_file(folder, name) or folder / name, sha256) for name, sha256 in FILES.items()]
    x, y, test_x, test_y = arrays
    return Source("fashion", LABELS, x.unsqueeze(1), y.long(), test_x.unsqueeze(1), test_y.long())


def _find(root: Path | None) -> Path:
    """The first folder that holds the four files: five places are tried, in this order."""
    if root is not None:
        for folder in (root, root / "fashion-mnist", root / "FashionMNIST" / "raw"):
            if _complete(folder):
                return folder
        raise RequestError(f"{root} does not hold Fashion-MNIST's four files ({', '.join(FILES)}, .gz or not)")
    for folder in _places():
        if _complete(folder):
            return folder
    cache = _cache()
    problem = _download(cache)
    if problem is None:
        return cache / "FashionMNIST" / "raw"
    raise RequestError(
        "Fashion-MNIST is nowhere: not at --data (not given), not under $FORGETLESS_DATA "
        f"({os.environ.get('FORGETLESS_DATA') or 'not set'}), not in the cache {cache}, not at {DEBIAN} "
        f"(Debian: apt-get install dataset-fashion-mnist), and downloading failed ({problem})"
    )


def _places() -> Iterator[Path]:
    if environment := os.environ.get("FORGETLESS_DATA"):
        yield Path(environment)
        yield Path(environment) / "fashion-mnist"
        yield Path(environment) / "FashionMNIST" / "raw"
    yield _cache() / "FashionMNIST" / "raw"
    yield DEBIAN


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forgetless"


def _complete(folder: Path) -> bool:
    return all(_file(folder, name) for name in FILES)


def _file(folder: Path, name: str) -> Path | None:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    return None


def _download(cache: Path) -> str | None:
    """Let torchvision download the files into the cache; what went wrong, or None."""
    if importlib.util.find_spec("torchvision") is None:
        return "torchvision is not installed: pip install torchvision"
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(str(cache), download=True)
    except (ImportError, OSError, RuntimeError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None if _complete(cache / "FashionMNIST" / "raw") else "files are missing after it"
