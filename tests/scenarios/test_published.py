"""Loaders of published data sets, on small files that are written here in the very same formats."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refusal
from scipy.io import savemat

from scenarios.sources import pictures
from scenarios.sources.files import Files
from scenarios.sources.source import Source, checked

RANDOM = np.random.default_rng(0)


def pixels(*shape: int) -> Any:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def write_pickle(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


def cifar10(folder: Path) -> None:
    for number in range(1, 7):
        name = "test_batch" if number == 6 else f"data_batch_{number}"
        data = np.full((10, 3072), number, np.uint8)
        data[:, 0], data[:, 31], data[:, 1024], data[:, 3071] = range(10), 100, 101, 102
        write_pickle(folder / name, {"data": data, "labels": list(range(10)), "batch_label": name})
    write_pickle(folder / "batches.meta", {"label_names": [f"thing {number}" for number in range(10)]})


def cifar100(folder: Path) -> None:
    for name in ("train", "test"):
        content = {"data": pixels(100, 3072), "fine_labels": list(range(100)), "coarse_labels": [0] * 100}
        write_pickle(folder / name, content)
    names = [f"thing {number}" for number in range(100)]
    write_pickle(folder / "meta", {"fine_label_names": names, "coarse_label_names": ["all"]})


def svhn(folder: Path) -> None:
    for name in ("train_32x32.mat", "test_32x32.mat"):
        x = pixels(32, 32, 3, 10)
        x[0, 1, 2, 3] = 77
        savemat(folder / name, {"X": x, "y": np.arange(1, 11, dtype=np.uint8).reshape(-1, 1)})


def picture(path: Path, *shape: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(*shape)).save(path)


def gtsrb(folder: Path) -> None:
    rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for number in range(43):
        picture(folder / f"GTSRB/Training/{number:05}/00000_00000.ppm", 40, 35, 3)
        (folder / f"GTSRB/Training/{number:05}/GT-{number:05}.csv").write_text("Filename;ClassId\n")
        picture(folder / f"GTSRB/Final_Test/Images/{number:05}.ppm", 30, 31, 3)
        rows.append(f"{number:05}.ppm;31;30;5;5;25;25;{42 - number}")
    (folder / "GT-final_test.csv").write_text("\n".join(rows) + "\n")


def idx(path: Path, array: Any) -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def idx_files(module: str, classes: int, first: int = 0) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        names = list(import_module(f"scenarios.sources.{module}").DATA.sums)
        for images, labels in (names[:2], names[2:]):
            x = pixels(classes, 28, 28)
            x[:, 0, 5] = 200
            idx(folder / images, x)
            idx(folder / labels, np.arange(first, first + classes, dtype=np.uint8))

    return write


def tiny_imagenet(folder: Path) -> None:
    labels = [f"n{number:08}" for number in range(200, 0, -1)]
    (folder / "wnids.txt").write_text("\n".join(labels) + "\n")
    rows = []
    for number, label in enumerate(labels):
        picture(folder / f"train/{label}/images/{label}_0.JPEG", 64, 64, 3)
        grey = (64, 64) if number % 2 else (64, 64, 3)
        picture(folder / f"val/images/val_{number}.JPEG", *grey)
        rows.append(f"val_{number}.JPEG\t{label}\t0\t32\t44\t62\n")
    (folder / "val/val_annotations.txt").write_text("".join(rows))


def core50(folder: Path) -> None:
    for session in range(1, 12):
        for number in range(1, 51):
            place = folder / f"s{session}/o{number}"
            place.mkdir(parents=True)
            Image.new("RGB", (8, 8), (session, number, 0)).save(place / f"C_{session:02}_{number:02}_000.png")


def notmnist(folder: Path) -> None:
    for label in "ABCDEFGHIJ":
        for number in range(5):
            picture(folder / label / f"{number}.png", 28, 28)
    (folder / "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png").write_bytes(b"")


def facescrub(folder: Path) -> None:
    for name in ("train", "test"):
        content = {"features": pixels(100, 3, 32, 32).astype(np.float32), "labels": np.arange(100.0)}
        write_pickle(folder / f"facescrub_{name}_100.pkl", content)


WRITERS: dict[str, Callable[[Path], None]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "svhn": svhn,
    "gtsrb": gtsrb,
    "kmnist": idx_files("kmnist", 10),
    "emnist": idx_files("emnist", 47),
    "emnist_letters": idx_files("emnist_letters", 26, first=1),
    "tiny_imagenet": tiny_imagenet,
    "core50": core50,
    "notmnist": notmnist,
    "facescrub": facescrub,
}


class Published:
    """A data set in a folder, and its loader, which takes the checksums of these small files for the right ones."""

    def __init__(self, name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.module = import_module(f"scenarios.sources.{name}")
        self.folder = root / self.module.DATA.inner
        self.folder.mkdir(parents=True, exist_ok=True)
        WRITERS[name](self.folder)
        sums = {
            file: expected and hashlib.md5((self.folder / file).read_bytes()).hexdigest()
            for file, expected in self.module.DATA.sums.items()
        }
        monkeypatch.setattr(self.module, "DATA", replace(self.module.DATA, sums=sums))
        self.root = root

    def load(self) -> Source:
        return checked(getattr(self.module, self.name)(self.root))


Publish = Callable[[str], Published]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    return lambda name: Published(name, tmp_path / "data", monkeypatch)


@pytest.mark.parametrize("name", WRITERS)
def test_it_is_read_as_declared(publish: Publish, name: str) -> None:
    from scenarios.catalogue import SOURCES, source_shape

    published = publish(name)
    source = published.load()
    entry = SOURCES.entries()[source.name]
    assert source.name == name.replace("_", "-")
    assert source.input_shape == source_shape(source.name)
    assert str(len(source.labels)) == entry.attribute("classes")
    assert source.x.dtype == source.test_x.dtype == torch.uint8
    assert published.load().x.equal(source.x)


def test_cifar_is_colour_by_colour_and_row_by_row(publish: Publish) -> None:
    source = publish("cifar10").load()
    assert len(source.y) == 50
    assert source.x[:, 0, 0, 0].tolist() == source.y.tolist() == [*range(10)] * 5
    assert source.x[7, 0, 0, 31] == 100
    assert source.x[7, 1, 0, 0] == 101
    assert source.x[7, 2, 31, 31] == 102
    assert source.x[:, 0, 1, 1].tolist() == [number for number in range(1, 6) for _ in range(10)]
    assert source.test_x[0, 0, 1, 1] == 6
    assert source.labels[3] == "thing 3"


def test_the_tenth_class_of_svhn_is_the_digit_0(publish: Publish) -> None:
    source = publish("svhn").load()
    assert source.y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert source.x[3, 2, 0, 1] == source.test_x[3, 2, 0, 1] == 77


def test_traffic_signs_are_numbered_by_folder_and_by_list(publish: Publish) -> None:
    published = publish("gtsrb")
    source = published.load()
    assert source.y.tolist() == list(range(43))
    assert source.test_y.tolist() == list(range(42, -1, -1))
    listed = published.folder / "GT-final_test.csv"
    listed.write_text("Filename;ClassId\n00000.ppm;3\n00001.ppm;stop\n")
    assert f"{listed}, line 3" in refusal(published.load)
    (published.folder / "GTSRB/Training/00007").rename(published.folder / "GTSRB/Training/00043")
    assert "00008 should be called 00007" in refusal(published.load)


def test_letters_stand_upright_and_begin_with_0(publish: Publish) -> None:
    for name, classes in (("emnist", 47), ("emnist_letters", 26)):
        source = publish(name).load()
        assert source.y.tolist() == list(range(classes))
        assert bool((source.x[:, 0, 5, 0] == 200).all())


def test_core50_is_tested_on_three_of_its_sessions(publish: Publish) -> None:
    source = publish("core50").load()
    assert source.test_x[:, 0].unique().tolist() == [3, 7, 10]
    assert source.x[:, 0].unique().tolist() == [1, 2, 4, 5, 6, 8, 9, 11]
    assert torch.equal(source.x[:, 1, 0, 0].long() - 1, source.y)


def test_a_class_of_tiny_imagenet_has_its_place_in_the_list_of_classes(publish: Publish) -> None:
    published = publish("tiny_imagenet")
    assert published.load().labels[:2] == ("n00000200", "n00000199")
    listed = published.folder / "val/val_annotations.txt"
    listed.write_text("val_0.JPEG\tn00000200\nval_1.JPEG\n")
    assert f"{listed}, line 2" in refusal(published.load)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_missing_truncated_or_foreign_is_named(publish: Publish, name: str) -> None:
    published = publish(name)
    data: Files = published.module.DATA
    for file in [path for path in sorted(published.folder.rglob("*.*")) if path.suffix in {".JPEG", ".png", ".ppm"}][
        :1
    ]:
        content = file.read_bytes()
        for damaged in (content[: len(content) // 2], b"", b"<html>not found</html>"):
            file.write_bytes(damaged)
            assert str(file) in refusal(published.load)
        file.write_bytes(content)
    for file in (published.folder / name for name in data.sums):
        if file.is_file():
            content = file.read_bytes()
            for damaged in (content[: len(content) // 2], b"", b"<html>not found</html>"):
                file.write_bytes(damaged)
                message = refusal(published.load)
                assert str(file) in message or published.module.DATA.sums[file.name] is None
            file.unlink()
            assert str(published.root) in refusal(published.load)
            file.write_bytes(content)
    published.load()


def test_a_pickle_runs_nothing(publish: Publish) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return (print, ("harm",))

    published = publish("facescrub")
    write_pickle(published.folder / "facescrub_train_100.pkl", {"features": Harm(), "labels": [0]})
    assert "print" in refusal(published.load)


def test_checksums_that_are_published_are_held_to(publish: Publish) -> None:
    published = publish("cifar10")
    batch = published.folder / "data_batch_3"
    batch.write_bytes((published.folder / "data_batch_2").read_bytes())
    assert f"{batch} is not the expected file: its checksum differs" in refusal(published.load)


def test_what_torchvision_lacks_is_refused_with_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    message = refusal(import_module("scenarios.sources.core50").core50)
    assert message.startswith("CORe50 is nowhere: not at --data")
    assert "core50_128x128.zip" in message


@pytest.fixture
def torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], Files]:
    """Files whose download does what a function does with the folder it is given."""
    import sys
    from types import SimpleNamespace

    def set_up(action: Callable[[Path], None]) -> Files:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("FORGETLESS_DATA", raising=False)
        datasets = SimpleNamespace(Some=lambda root, download: action(Path(root)))
        monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=datasets, __spec__=object()))
        return Files(title="Some", folder="some", sums={"a": None, "b": None}, torchvision="Some")

    return set_up


def test_a_download_is_in_place_once_it_is_complete(torchvision: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache/forgetless"

    def whole(root: Path) -> None:
        for name in "ab":
            (root / name).write_text("all")
            assert not (cache / "some/b").exists()

    def half(root: Path) -> None:
        (root / "a").write_text("all")
        raise OSError("cut off")

    files = torchvision(half)
    assert "cut off" in refusal(files.find)
    assert list(cache.iterdir()) == []
    files = torchvision(lambda root: (root / "a").write_text("all"))
    assert "files are missing after it" in refusal(files.find)
    (cache / "some").mkdir()
    (cache / "some/a").write_text("of another version")
    files = torchvision(whole)
    assert files.find() == cache / "some"
    assert [path.name for path in cache.iterdir()] == ["some"]
    assert (cache / "some/a").read_text() == "all"


def test_what_a_killed_download_leaves_is_not_taken_for_the_data(torchvision: Any, tmp_path: Path) -> None:
    left = tmp_path / "cache/forgetless/.some-killed/new"
    left.mkdir(parents=True)
    for name in "ab":
        (left / name).write_text("half")
    assert torchvision(lambda root: None).here() is None


def test_many_pictures_are_kept_once_they_are_all_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pictures, "MANY", 3)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        picture(path, 5, 5)
    decoded: list[int] = []
    decode = pictures._decode
    monkeypatch.setattr(pictures, "_decode", lambda paths, shape: decoded.append(1) or decode(paths, shape))
    first = pictures.read_pictures(paths, (1, 5, 5))
    assert torch.equal(pictures.read_pictures(paths, (1, 5, 5)), first)
    assert len(decoded) == 1
    (kept,) = (tmp_path / "cache/forgetless/pictures").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])  # as a disk may damage it: it is made anew
    assert torch.equal(pictures.read_pictures(paths, (1, 5, 5)), first)
    picture(paths[1], 5, 5)  # a file that has changed since
    assert not torch.equal(pictures.read_pictures(paths, (1, 5, 5)), first)
    assert pictures.read_pictures(paths, (3, 4, 4)).shape == (3, 3, 4, 4)
    assert len(decoded) == 4
    paths[2].write_bytes(b"no image")
    before = set(kept.parent.iterdir())
    assert str(paths[2]) in refusal(lambda: pictures.read_pictures(paths, (1, 5, 5)))
    paths[2].unlink()
    assert str(paths[2]) in refusal(lambda: pictures.read_pictures(paths, (1, 5, 5)))
    assert set(kept.parent.iterdir()) == before
    picture(paths[2], 5, 5)
    monkeypatch.setattr(np, "save", lambda file, array: (_ for _ in ()).throw(OSError("disk full")))
    assert pictures.read_pictures(paths, (1, 5, 5)).shape == (3, 1, 5, 5)
    assert set(kept.parent.iterdir()) == before
