"""Where Fashion-MNIST is looked for: five places in order, with tiny files in its stead."""

import gzip
import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from refusals import refusal
from torch import Tensor

from scenarios.sources import fashion as module
from scenarios.sources.fashion import fashion
from scenarios.sources.idx import read_idx

ARRAYS = (
    torch.arange(96, dtype=torch.uint8).reshape(6, 4, 4),
    torch.tensor([0, 1, 2, 0, 1, 2], dtype=torch.uint8),
    torch.arange(100, 132, dtype=torch.uint8).reshape(2, 4, 4),
    torch.tensor([2, 1], dtype=torch.uint8),
)


def idx(array: Tensor) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.numpy().tobytes()


CONTENTS = dict(zip(module.FILES, map(idx, ARRAYS), strict=True))


def put(folder: Path, *, packed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the files and without a network; `env`, `cache` and `debian` lie in this folder."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(module, "FILES", sums)
    monkeypatch.setattr(module, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(module, "_download", lambda cache: "no network")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize("layout", [".", "fashion-mnist", "FashionMNIST/raw"])
def test_an_explicit_root_may_have_any_of_three_layouts(places: Path, layout: str, packed: bool) -> None:
    put(places / "root" / layout, packed=packed)
    source = fashion(places / "root")
    assert torch.equal(source.x, ARRAYS[0].unsqueeze(1))
    assert torch.equal(source.test_y, ARRAYS[3].long())
    assert source.input_shape == (1, 4, 4)


def test_an_explicit_root_without_the_files_is_refused_whatever_lies_elsewhere(places: Path) -> None:
    put(places / "debian")
    (places / "root").mkdir()
    assert refusal(lambda: fashion(places / "root")).startswith(f"{places / 'root'} does not hold")


@pytest.mark.parametrize("layout", ["env", "env/fashion-mnist", "env/FashionMNIST/raw"])
def test_the_environment_variable_is_followed(places: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    put(places / layout)
    monkeypatch.setenv("FORGETLESS_DATA", str(places / "env"))
    assert len(fashion().x) == 6


@pytest.mark.parametrize("layout", ["cache/forgetless/FashionMNIST/raw", "debian"])
def test_the_cache_and_debians_place_are_searched(places: Path, layout: str) -> None:
    put(places / layout)
    assert len(fashion().x) == 6


def test_the_cache_is_under_home_where_nothing_else_is_said(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(places / "home"))
    put(places / "home/.cache/forgetless/FashionMNIST/raw")
    assert len(fashion().x) == 6


def test_the_places_are_tried_in_order_and_one_that_is_incomplete_is_passed_over(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places / "debian")
    put(places / "env")
    monkeypatch.setenv("FORGETLESS_DATA", str(places / "env"))
    assert module._find(None) == places / "env"
    next((places / "env").iterdir()).unlink()
    assert module._find(None) == places / "debian"
    put(places / "cache/forgetless/FashionMNIST/raw")
    assert module._find(None) == places / "cache/forgetless/FashionMNIST/raw"


def test_the_last_resort_is_a_download_into_the_cache(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_download", lambda cache: put(cache / "FashionMNIST" / "raw"))
    assert len(fashion().x) == 6


def test_nowhere_is_one_error_that_says_all_five_places(places: Path) -> None:
    message = refusal(fashion)
    for place in ("--data", "$FORGETLESS_DATA", str(places / "cache"), str(places / "debian"), "no network"):
        assert place in message


@pytest.mark.parametrize("error", [RuntimeError("not\nthere"), OSError(), ImportError("not\nthere")])
def test_a_download_that_fails_says_why_in_one_line(
    places: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(root: str, *, download: bool) -> None:
        raise error

    monkeypatch.undo()
    monkeypatch.setattr(module, "DEBIAN", places / "debian")
    monkeypatch.setenv("XDG_CACHE_HOME", str(places / "cache"))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchvision.datasets", SimpleNamespace(FashionMNIST=broken))
    assert "downloading failed (" in refusal(fashion)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install torchvision" in refusal(fashion)


def test_a_damaged_copy_is_named_and_not_used(places: Path) -> None:
    put(places / "debian")
    (places / "debian" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(ARRAYS[3].flip(0))))
    assert "t10k-labels-idx1-ubyte.gz is not the expected file" in refusal(fashion)


def test_the_real_files_are_what_their_checksums_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    file = module.DEBIAN / "t10k-labels-idx1-ubyte.gz"
    if not file.is_file():
        pytest.skip(f"Debian's dataset-fashion-mnist is not installed: no {file}")
    assert read_idx(file, module.FILES["t10k-labels-idx1-ubyte"]).bincount().tolist() == [1000] * 10
