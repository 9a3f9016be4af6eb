"""Damaged or unfit data: one line that names the file, and says what would be right."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refusal

from scenarios import rows
from scenarios.scenario import scenario_reference
from scenarios.sources.own.path import read_own
from scenarios.sources.own.whole import suspicious
from scenarios.task import Scenario

X = np.zeros((6, 2, 2), np.uint8)
Y = np.array([0, 0, 0, 1, 1, 1])
NAN = np.zeros((6, 4), np.float32)
NAN[4, 1] = np.nan


def png(size: tuple[int, int] = (8, 8), mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.frombytes(mode, size, np.random.default_rng(0).bytes(size[0] * size[1] * len(mode))).save(buffer, "PNG")
    return buffer.getvalue()


Change = Callable[[Path], Any]

FOLDERS: list[tuple[str, Change, list[str]]] = [
    ("foreign", lambda d: (d / "a" / "notes.txt").write_text("hello"), ["a/notes.txt is no image"]),
    ("truncated", lambda d: (d / "b" / "2.png").write_bytes(png()[:-40]), ["b/2.png is damaged", "save it again"]),
    ("nothing in it", lambda d: (d / "b" / "2.png").write_bytes(b""), ["b/2.png is no image"]),
    ("empty class", lambda d: (d / "c").mkdir(), ["c is empty: put images of the class there"]),
    (
        "sizes",
        lambda d: (d / "b" / "9.png").write_bytes(png((9, 8))),
        ["a/0.png has 8×8 pixels", "b/9.png 9×8", "size=32"],
    ),
    (
        "colours",
        lambda d: (d / "b" / "9.png").write_bytes(png(mode="RGB")),
        ["a/0.png is grey", "b/9.png has colours", "colour=rgb or colour=grey"],
    ),
    ("a folder in a class", lambda d: (d / "b" / "more").mkdir(), ["b/more is a folder"]),
    ("one class", lambda d: [each.unlink() for each in (d / "b").iterdir()] and (d / "b").rmdir(), ["holds a/ alone"]),
    (
        "one image",
        lambda d: [(d / "b" / f"{n}.png").unlink() for n in range(1, 5)],
        ["class b has 1 example:", "test="],
    ),
    (
        "16 bits",
        lambda d: Image.fromarray(np.zeros((8, 8), np.uint16)).save(d / "a" / "0.png"),
        ["a/0.png has pixels of mode I;16", "8 bits"],
    ),
]


@pytest.mark.parametrize(("change", "says"), [each[1:] for each in FOLDERS], ids=[each[0] for each in FOLDERS])
def test_a_folder_of_images(tmp_path: Path, change: Change, says: list[str]) -> None:
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "d" / name / f"{number}.png").write_bytes(png())
    (tmp_path / "d" / "a" / ".DS_Store").write_text("passed over")
    (tmp_path / "d" / "README").write_text("passed over")
    read_own(tmp_path / "d")
    change(tmp_path / "d")
    message = refusal(lambda: read_own(tmp_path / "d"))
    assert all(each in message for each in says), message


def test_train_and_test_have_the_same_classes_and_nothing_beside_them(tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.png").write_bytes(png())
    assert len(read_own(tmp_path).test_y) == 2
    (tmp_path / "test" / "b").rename(tmp_path / "test" / "c")
    assert f"{tmp_path}/test/b is not there" in refusal(lambda: read_own(tmp_path))
    (tmp_path / "val").mkdir()
    assert "val lies beside train/" in refusal(lambda: read_own(tmp_path))


def test_a_damaged_image_of_a_large_folder_is_named_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(5):
            (tmp_path / name / f"{number}.png").write_bytes(png()[: -40 if (name, number) == ("b", 2) else None])
    monkeypatch.setattr(rows, "LARGE", 0)
    source = read_own(tmp_path)
    message = refusal(
        lambda: [source.x.index_select(0, torch.arange(8)), source.test_x.index_select(0, torch.arange(2))]
    )
    assert "b/2.png is damaged" in message


def large_folder(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """A scenario of images that stay in their files, one of which holds what is given."""
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(5):
            (tmp_path / name / f"{number}.png").write_bytes(photograph("png"))
    (tmp_path / "b" / "2.png").write_bytes(content)
    monkeypatch.setattr(rows, "LARGE", 0)
    return scenario_reference(f"{tmp_path}:class,tasks=2,validation=0").build()


def photograph(kind: str, **options: Any) -> bytes:
    """An image with enough in it to be damaged in the middle."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


DAMAGED = {
    "png cut short": photograph("png")[:-30],
    "png without its end": photograph("png")[:-12],
    "png with other bytes": flipped(photograph("png"), 500),
    "jpeg cut short": photograph("jpeg")[:-30],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_in_a_large_folder_shows_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert suspicious(DAMAGED[name])
    scenario = large_folder(tmp_path, DAMAGED[name], monkeypatch)
    if name == "png without its end":
        assert scenario.digest, "Pillow can read all of it"
        return
    message = refusal(lambda: scenario.digest)
    assert f"{tmp_path}/b/2.png is damaged" in message
    assert "save it again, or remove it (forgetless list scenarios --check names all such files)" in message


def test_what_a_whole_image_can_look_like_is_not_suspicious() -> None:
    thumbnail = photograph("jpeg", exif=b"Exif\0\0" + photograph("jpeg"))
    whole = [photograph(kind) for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff")]
    whole += [thumbnail, photograph("jpeg", progressive=True), photograph("jpeg") + b"trailer", png() + b"\0\0"]
    assert not any(map(suspicious, whole))
    assert suspicious(thumbnail[:-30])
    assert suspicious(photograph("jpeg", progressive=True)[:-30])


ARRAYS: list[tuple[dict[str, Any], list[str]]] = [
    ({"y": Y}, ["a.npz holds y, but no x"]),
    ({"x": X}, ["holds x, but no y"]),
    ({"x": X, "y": Y[:5]}, ["x of ", "has 6 rows, and y of", "(5,): it should be (6,)"]),
    ({"x": X, "y": Y - 1}, ["row 0 is -1, out of range: labels should be 0 or more"]),
    ({"x": X, "y": Y / 2}, ["y of", "float64, and row 3 is 0.5", "whole numbers"]),
    ({"x": X, "y": Y * 0}, ["one class alone (0)"]),
    ({"x": NAN, "y": Y}, ["x of", "row 4 holds NaN"]),
    ({"x": X.astype(int), "y": Y}, ["is int64: it should be uint8", "float32"]),
    ({"x": X[:, 0, 0], "y": Y}, ["has shape (6,)"]),
    ({"x": X[:0], "y": Y[:0]}, ["has shape (0, 2, 2)"]),
    ({"x": X, "y": Y.astype(object)}, ["y of", "Python objects, which are never unpickled"]),
    ({"x": X, "y": Y, "test_x": X}, ["test_x and test_y, or neither"]),
    ({"x": X, "y": Y, "test_x": X[:, :1], "test_y": Y}, ["x and test_x should be alike"]),
    ({"x": X, "y": Y, "test_x": X, "test_y": Y + 1}, ["test_y of", "no example of class 0"]),
    ({"x": X[:4], "y": Y[:4]}, ["class 1 has 1 example:"]),
]


@pytest.mark.parametrize(("arrays", "says"), ARRAYS)
@pytest.mark.parametrize("large", [0, 2**30])
def test_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Any], says: list[str], large: int
) -> None:
    monkeypatch.setattr(rows, "LARGE", large)
    np.savez(tmp_path / "a.npz", **arrays)
    message = refusal(lambda: read_own(tmp_path / "a.npz"))
    assert str(tmp_path / "a.npz") in message
    assert all(each in message for each in says), message


@pytest.mark.parametrize("keep", [0, 10, 200, -60, -30])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_npz(tmp_path: Path, keep: int, compressed: bool) -> None:
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", x=X, y=Y)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    assert f"{tmp_path / 'a.npz'} is no .npz, or a truncated one" in refusal(lambda: read_own(tmp_path / "a.npz"))


def test_a_damaged_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((6, 40), 7, np.uint8), y=Y)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(bytes([7] * 40)) + 3] = 8
    (tmp_path / "a.npz").write_bytes(content)
    assert "a.npz is no .npz, or a truncated one (Bad CRC-32" in refusal(lambda: read_own(tmp_path / "a.npz"))


def test_npy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    assert "holds x, but no y" in refusal(lambda: read_own(tmp_path))
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-4])
    assert "x.npy is truncated: 4 bytes are missing" in refusal(lambda: read_own(tmp_path))
    (tmp_path / "x.npy").write_text("no array")
    assert "x.npy is no array of NumPy's" in refusal(lambda: read_own(tmp_path))


TABLES: list[tuple[str, list[str]]] = [
    ("", ["is empty: its first line should name the columns"]),
    ("a,b,label\n", ["no rows under its header"]),
    ("a,b,c\n1,2,0\n", ["no column called label, class, target, y: say label=NAME (its columns: a, b, c)"]),
    ("a,b,label\n1,2,0\n3,,1\n", ["t.csv, line 3: b is empty"]),
    ("a,b,label\n1,2,0\n3,x,1\n", ["t.csv, line 3: b holds 'x'", "finite number"]),
    ("a,b,label\n1,nan,0\n3,4,1\n", ["t.csv, line 2: b holds 'nan'"]),
    ("a,b,label\n1,2,0\n3,4,\n", ["t.csv, line 3 has no label: every row needs a label"]),
    ("a,b,label\n1,2\n", ["t.csv, line 2 has 2 cells: it should have 3"]),
    ("a,a,label\n1,2,0\n", ["two columns called 'a'"]),
    ("a,label,y\n1,2,0\n", ["label and y could each be the label"]),
    ("label\n1\n2\n", ["a label column alone"]),
    ("a,label\n1,0\n2,0\n", ["one class alone (0)"]),
    ("a,label\n1,0\n2,1\n3,1\n", ["class 0 has 1 example:"]),
    ('a,label\n"1,0\n', ["t.csv is no CSV"]),
]


@pytest.mark.parametrize(("text", "says"), TABLES)
def test_tables(tmp_path: Path, text: str, says: list[str]) -> None:
    (tmp_path / "t.csv").write_text(text)
    message = refusal(lambda: read_own(tmp_path / "t.csv"))
    assert str(tmp_path / "t.csv") in message
    assert all(each in message for each in says), message


def test_tables_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,label\n\xff\xfe,1\n")
    assert "t.csv is no CSV in UTF-8" in refusal(lambda: read_own(tmp_path / "t.csv"))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no parquet")
    message = refusal(lambda: read_own(tmp_path / "t.parquet"))
    assert "t.parquet is no Parquet file" in message or "pip install 'forgetless[parquet]'" in message


def test_what_a_path_can_be_is_said_where_it_leads_nowhere(tmp_path: Path) -> None:
    for name in ("none", "none.csv", "none.npz"):
        message = refusal(lambda name=name: scenario_reference(f"{tmp_path}/{name}").build())  # type: ignore[misc]
        assert f"there is nothing at {tmp_path}/{name}: a path can be a folder of class folders" in message
        assert ".npz with x and y" in message
    (tmp_path / "a.txt").write_text("")
    assert "a.txt is of no kind that can be read" in refusal(lambda: read_own(tmp_path / "a.txt"))


def test_options_of_other_formats_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert "size=8 is for folders of images" in refusal(lambda: read_own(tmp_path / "a.npz", size=8))
    assert "label=z is for tables" in refusal(lambda: read_own(tmp_path / "a.npz", label="z"))
    assert "did you mean 'size'" in refusal(lambda: scenario_reference(f"{tmp_path}/a.npz:class,sise=3"))


def test_an_empty_validation_split_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    message = refusal(lambda: scenario_reference(f"{tmp_path}/a.npz:class,tasks=2").build())
    assert "validation=0.1 of the 2 training examples of class 0 leaves 2 to train on and 0 to validate on" in message
