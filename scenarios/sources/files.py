"""The files of a published data set: where they are looked for, downloaded to, and held to their checksums."""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scenarios.errors import RequestError


@dataclass(frozen=True)
class Files:
    """A data set as it is published.

    Nothing here imports torch: `forgetless list` asks where data is.

    Attributes:
        title: what people call it.
        folder: what a folder of it is often called; its name in the cache.
        sums: the files, or folders, it cannot do without, as paths below its folder. Each file with the MD5 of the
            file as published, or the SHA-256 of its content unpacked, or None where we know neither.
        torchvision: the class of torchvision.datasets that downloads it; empty where there is none.
        parts: the arguments of that class for each of its parts.
        inner: where torchvision puts the files, below the folder it is given.
        advice: what to do where torchvision does not have it.
        debian: where Debian puts it, and the package; None where Debian has none.
    """

    title: str
    folder: str
    sums: Mapping[str, str | None]
    torchvision: str = ""
    parts: tuple[Mapping[str, Any], ...] = ({},)
    inner: str = "."
    advice: str = ""
    debian: tuple[Path, str] | None = None

    def find(self, root: Path | None = None) -> Path:
        """The folder that holds the files; they are downloaded where no place has them.

        Raises:
            RequestError: where they cannot be had: it says all places that were tried.
        """
        if (found := self.here(root)) is not None:
            return found
        if root is not None:
            raise RequestError(f"{root} does not hold {self.title}, which is {self._listed()}")
        problem = self.download()
        if problem is None and (found := self.here()) is not None:
            return found
        debian = "" if self.debian is None else f", not at {self.debian[0]} (Debian: apt-get install {self.debian[1]})"
        raise RequestError(
            f"{self.title} is nowhere: not at --data (not given), not under $FORGETLESS_DATA "
            f"({os.environ.get('FORGETLESS_DATA') or 'not set'}), not in the cache {cache()}{debian}, and "
            + (
                f"downloading failed ({problem})"
                if self.torchvision
                else f"torchvision does not have it: {self.advice}"
            )
        )

    def absent(self) -> str:
        """What will be done where the files are not on this machine."""
        if not self.torchvision:
            return f"not here: {self.advice}"
        if importlib.util.find_spec("torchvision") is None:
            return "not here; downloaded once torchvision is installed"
        return "not here; downloaded when asked for"

    def here(self, root: Path | None = None) -> Path | None:
        """The first folder on this machine that holds the files; where a root is given, it alone counts."""
        places = self._layouts(root) if root is not None else self._places()
        return next((folder for folder in places if self._complete(folder)), None)

    def _places(self) -> Iterator[Path]:
        if environment := os.environ.get("FORGETLESS_DATA"):
            yield from self._layouts(Path(environment))
        yield from self._layouts(cache())
        if self.debian is not None:
            yield self.debian[0]

    def _layouts(self, root: Path) -> Iterator[Path]:
        yield from (root, root / self.folder, root / self.inner, root / self.folder / self.inner)

    def _complete(self, folder: Path) -> bool:
        return all(self.path(folder, name) is not None for name in self.sums)

    def _listed(self) -> str:
        names = list(self.sums)
        return ", ".join(names[:4]) + (f" and {len(names) - 4} more files" if len(names) > 4 else "")

    @staticmethod
    def path(folder: Path, name: str) -> Path | None:
        """Where a folder has a file, gzipped or not."""
        return next((path for path in (folder / f"{name}.gz", folder / name) if path.exists()), None)

    def file(self, folder: Path, name: str) -> Path:
        """The path of a file, held to its MD5 where we know that and the file is as published.

        Raises:
            RequestError: where it is missing, cannot be read, or is another.
        """
        path, expected = self.path(folder, name), self.sums.get(name)
        if path is None:
            raise RequestError(f"{folder / name} is missing; fetch {self.title} again")
        published = expected is not None and len(expected) == 32 and self._as_published(path, name)
        if published and _md5(path) != expected:
            raise RequestError(f"{path} is not the expected file: its checksum differs; fetch it again")
        return path

    def _as_published(self, path: Path, name: str) -> bool:
        return path.name == Path(name).name

    def download(self) -> str | None:
        """Let torchvision download the files into the cache; what went wrong, or None.

        They come into a folder that is looked at by nobody, and into the cache once they are complete, so that
        a download that ends half-way leaves nothing that is taken for the data.
        """
        if not self.torchvision:
            return self.advice
        if importlib.util.find_spec("torchvision") is None:
            return "torchvision is not installed: pip install torchvision"
        try:
            from torchvision import datasets

            cache().mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=f".{self.folder}-", dir=cache()) as unfinished:
                new = Path(unfinished) / "new"
                new.mkdir()
                for part in self.parts:
                    getattr(datasets, self.torchvision)(str(new), download=True, **part)
                if not self._complete(new / self.inner):
                    return "files are missing after it"
                if (cache() / self.folder).exists():
                    (cache() / self.folder).rename(Path(unfinished) / "old")
                new.rename(cache() / self.folder)
        except (ImportError, OSError, RuntimeError) as error:
            return " ".join(str(error).split()) or type(error).__name__
        return None


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error}") from None


def cache() -> Path:
    """Where what was downloaded is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forgetless"
