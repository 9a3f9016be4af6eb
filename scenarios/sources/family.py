"""The family of MNIST: four idx files each, found wherever a machine has them."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scenarios.errors import RequestError
from scenarios.sources.idx import read_idx
from scenarios.sources.source import Source


@dataclass(frozen=True)
class FourFiles:
    """A data set of the family, as it is published.

    Attributes:
        title: what people call it.
        folder: what a folder of it is often called.
        torchvision: the class that downloads it, which also names torchvision's own folder.
        sums: file names without .gz, each with the SHA-256 of its content unpacked: images and labels for
            training, then for testing.
        debian: where Debian puts it, and the package; None where Debian has none.
    """

    title: str
    folder: str
    torchvision: str
    sums: Mapping[str, str]
    debian: tuple[Path, str] | None = None

    def source(self, name: str, labels: tuple[str, ...], root: Path | None) -> Source:
        """The data set, read and held to its checksums.

        Raises:
            RequestError: where it is nowhere to be had, or a file is not what it should be.
        """
        folder = self.find(root)
        x, y, test_x, test_y = (
            read_idx(self._file(folder, name) or folder / name, sha256) for name, sha256 in self.sums.items()
        )
        return Source(name, labels, x.unsqueeze(1), y.long(), test_x.unsqueeze(1), test_y.long())

    def find(self, root: Path | None = None) -> Path:
        """The folder that holds the four files; they are downloaded where no place has them.

        Raises:
            RequestError: where they cannot be had: it says all places that were tried.
        """
        if (found := self.here(root)) is not None:
            return found
        if root is not None:
            raise RequestError(f"{root} does not hold {self.title}'s four files ({', '.join(self.sums)}, .gz or not)")
        problem = self.download()
        if problem is None:
            return self.downloaded
        debian = "" if self.debian is None else f", not at {self.debian[0]} (Debian: apt-get install {self.debian[1]})"
        raise RequestError(
            f"{self.title} is nowhere: not at --data (not given), not under $FORGETLESS_DATA "
            f"({os.environ.get('FORGETLESS_DATA') or 'not set'}), not in the cache {cache()}{debian}, "
            f"and downloading failed ({problem})"
        )

    def here(self, root: Path | None = None) -> Path | None:
        """The first folder on this machine that holds the four files; where a root is given, it alone counts."""
        places = self._layouts(root) if root is not None else self._places()
        return next((folder for folder in places if all(self._file(folder, name) for name in self.sums)), None)

    def _places(self) -> Iterator[Path]:
        if environment := os.environ.get("FORGETLESS_DATA"):
            yield from self._layouts(Path(environment))
        yield self.downloaded
        if self.debian is not None:
            yield self.debian[0]

    def _layouts(self, root: Path) -> Iterator[Path]:
        yield from (root, root / self.folder, root / self.torchvision / "raw")

    @property
    def downloaded(self) -> Path:
        """Where torchvision puts the files in the cache."""
        return cache() / self.torchvision / "raw"

    def download(self) -> str | None:
        """Let torchvision download the files into the cache; what went wrong, or None."""
        if importlib.util.find_spec("torchvision") is None:
            return "torchvision is not installed: pip install torchvision"
        try:
            from torchvision import datasets

            getattr(datasets, self.torchvision)(str(cache()), download=True)
        except (ImportError, OSError, RuntimeError) as error:
            return " ".join(str(error).split()) or type(error).__name__
        return None if self.here() == self.downloaded else "files are missing after it"

    @staticmethod
    def _file(folder: Path, name: str) -> Path | None:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path
        return None


def cache() -> Path:
    """Where what was downloaded is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forgetless"
