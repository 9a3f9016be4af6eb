"""Where MNIST and Fashion-MNIST are looked for: their places in order, with tiny files in their stead."""

import gzip
import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from refusals import refusal
from torch import Tensor

from scenarios.sources import fashion, mnist
from scenarios.sources.family import FourFiles
from scenarios.sources.idx import read_idx
from scenarios.sources.source import Source

ARRAYS = (
    torch.arange(96, dtype=torch.uint8).reshape(6, 4, 4),
    torch.tensor([0, 1, 2, 0, 1, 2], dtype=torch.uint8),
    torch.arange(100, 132, dtype=torch.uint8).reshape(2, 4, 4),
    torch.tensor([2, 1], dtype=torch.uint8),
)


def idx(array: Tensor) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.numpy().tobytes()


CONTENTS = dict(zip(fashion.DATA.sums, map(idx, ARRAYS), strict=True))


def put(folder: Path, *, packed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@dataclass
class Places:
    """A machine without the files and without a network; `env`, `cache` and `debian` lie in its folder."""

    folder: Path
    module: ModuleType
    files: FourFiles

    def __truediv__(self, place: str) -> Path:
        return self.folder / place

    @property
    def names(self) -> tuple[str, str]:
        """What its folders are called: by people, and by torchvision."""
        return self.files.folder, self.files.torchvision

    def load(self, root: Path | None = None) -> Source:
        return getattr(self.module, self.module.__name__.rpartition(".")[2])(root)


@pytest.fixture(params=[fashion, mnist], ids=["fashion", "mnist"])
def places(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    files = replace(request.param.DATA, sums=sums, debian=(tmp_path / "debian", "a-package"))
    monkeypatch.setattr(request.param, "DATA", files)
    monkeypatch.setattr(FourFiles, "download", lambda self: "no network")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    return Places(tmp_path, request.param, files)


LAYOUTS = (".", "{0}", "{1}/raw")


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_explicit_root_may_have_any_of_three_layouts(places: Places, layout: str, packed: bool) -> None:
    put(places / "root" / layout.format(*places.names), packed=packed)
    source = places.load(places / "root")
    assert torch.equal(source.x, ARRAYS[0].unsqueeze(1))
    assert torch.equal(source.test_y, ARRAYS[3].long())
    assert source.input_shape == (1, 4, 4)


def test_an_explicit_root_without_the_files_is_refused_whatever_lies_elsewhere(places: Places) -> None:
    put(places / "debian")
    (places / "root").mkdir()
    assert refusal(lambda: places.load(places / "root")).startswith(f"{places / 'root'} does not hold")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_environment_variable_is_followed(places: Places, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    put(places / "env" / layout.format(*places.names))
    monkeypatch.setenv("FORGETLESS_DATA", str(places / "env"))
    assert len(places.load().x) == 6


@pytest.mark.parametrize("layout", ["cache/forgetless/{1}/raw", "debian"])
def test_the_cache_and_debians_place_are_searched(places: Places, layout: str) -> None:
    put(places / layout.format(*places.names))
    assert len(places.load().x) == 6


def test_the_cache_is_under_home_where_nothing_else_is_said(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(places / "home"))
    put(places / "home/.cache/forgetless" / places.files.torchvision / "raw")
    assert len(places.load().x) == 6


def test_the_places_are_tried_in_order_and_one_that_is_incomplete_is_passed_over(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places / "debian")
    put(places / "env")
    monkeypatch.setenv("FORGETLESS_DATA", str(places / "env"))
    assert places.files.find() == places.files.here() == places / "env"
    next((places / "env").iterdir()).unlink()
    assert places.files.find() == places / "debian"
    put(places / "cache" / "forgetless" / places.files.folder)
    assert places.files.find() == places / "cache" / "forgetless" / places.files.folder


def test_the_last_resort_is_a_download_into_the_cache(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FourFiles, "download", lambda self: put(places / "cache" / "forgetless" / self.inner))
    assert places.files.here() is None
    assert len(places.load().x) == 6


def test_nowhere_is_one_error_that_says_all_five_places(places: Places) -> None:
    message = refusal(places.load)
    for place in ("--data", "$FORGETLESS_DATA", str(places / "cache"), str(places / "debian"), "no network"):
        assert place in message
    assert message.startswith(places.files.title)


def test_where_debian_has_no_package_none_is_spoken_of(places: Places) -> None:
    assert "Debian" not in refusal(replace(places.files, debian=None).find)


@pytest.mark.parametrize("error", [RuntimeError("not\nthere"), OSError(), ImportError("not\nthere")])
def test_a_download_that_fails_says_why_in_one_line(
    places: Places, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(root: str, *, download: bool) -> None:
        raise error

    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(places / "cache"))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    datasets = SimpleNamespace(**{places.files.torchvision: broken})
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=datasets))
    assert "downloading failed (" in refusal(places.files.find)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install torchvision" in refusal(places.files.find)


def test_a_damaged_copy_is_named_and_not_used(places: Places) -> None:
    put(places / "debian")
    (places / "debian" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(ARRAYS[3].flip(0))))
    assert "t10k-labels-idx1-ubyte.gz is not the expected file" in refusal(places.load)


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        (fashion.DATA, [1000] * 10),
        (mnist.DATA, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
    ids=["fashion", "mnist"],
)
def test_the_real_files_are_what_their_checksums_say(files: FourFiles, counts: list[int]) -> None:
    folder = files.here()
    if folder is None:
        pytest.skip(f"{files.title} is not on this machine")
    file = next(folder.glob("t10k-labels-idx1-ubyte*"))
    assert read_idx(file, files.sums["t10k-labels-idx1-ubyte"]).bincount().tolist() == counts
