"""One's own data: the same digits as a folder, arrays or a table, and what their names say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refusal

from scenarios import rows
from scenarios.catalogue import SCENARIOS
from scenarios.examples import TensorExamples
from scenarios.options import options_of
from scenarios.scenario import scenario_reference
from scenarios.sources.own.path import read_own
from scenarios.sources.source import Source
from scenarios.task import Scenario

CLASSES, EACH = 4, 12


@pytest.fixture
def x() -> np.ndarray:
    """Grey images 6×5, twelve of each of four classes one after another, all different."""
    return np.random.default_rng(0).integers(0, 256, (CLASSES * EACH, 6, 5), np.uint8)


Y = np.repeat(np.arange(CLASSES), EACH)


def write_folder(path: Path, x: np.ndarray) -> Path:
    for number, (image, label) in enumerate(zip(x, Y, strict=True)):
        (path / f"class-{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / f"class-{label}" / f"{number:03}.png")
    return path


def write_arrays(path: Path, x: np.ndarray) -> Path:
    path.mkdir()
    np.save(path / "x.npy", x)
    np.save(path / "y.npy", Y)
    return path


def pixels(source: Source) -> list[torch.Tensor]:
    inputs = (source.x, source.test_x)
    return [each.load() if isinstance(each, rows.Rows) else each for each in inputs]


@pytest.mark.parametrize("large", [0, 2**30])
def test_a_folder_an_npz_and_npy_files_of_one_data_set_are_one_source(
    tmp_path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(rows, "LARGE", large)
    np.savez(tmp_path / "a.npz", x=x, y=Y)
    np.savez_compressed(tmp_path / "b.npz", x=x, y=Y)
    made = [
        read_own(write_folder(tmp_path / "folder", x)),
        read_own(write_arrays(tmp_path / "arrays", x)),
        read_own(tmp_path / "a.npz"),
        read_own(tmp_path / "b.npz"),
    ]
    kept = [isinstance(source.x, rows.Rows) for source in made]
    assert kept == ([True, True, True, False] if large == 0 else [False] * 4)
    for source in made:
        assert source.input_shape == (1, 6, 5)
        assert source.y.tolist() == sorted(source.y.tolist())
        assert source.y.bincount().tolist() == [10] * 4
        assert source.test_y.bincount().tolist() == [2] * 4
        assert source.statistics == pytest.approx(made[3].statistics, abs=1e-4)
        for one, other in zip(pixels(source), pixels(made[3]), strict=True):
            assert torch.equal(one, other)
    everything = torch.cat(pixels(made[0])).flatten(1).tolist()
    assert sorted(everything) == sorted(x.reshape(len(x), -1).tolist()), "every image is there once"
    assert made[0].labels == tuple(f"class-{number}" for number in range(4))
    assert made[1].labels == tuple("0123")


@pytest.mark.parametrize("family", ["split", "permuted", "rotated", "label-noise"])
def test_what_is_read_while_training_is_what_is_held_in_memory(
    tmp_path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    write_arrays(tmp_path / "arrays", x)
    made: list[Scenario] = []
    for large in (2**30, 0):
        monkeypatch.setattr(rows, "LARGE", large)
        builder = SCENARIOS.get(family)
        made.append(builder(read_own(tmp_path / "arrays"), 3, tasks=2, standardise=True))
    held, read = made
    assert read.digest == held.digest
    assert read.standardise == pytest.approx(held.standardise)
    for one, other in zip((*held.test, held.tasks[1].training), (*read.test, read.tasks[1].training), strict=True):
        assert isinstance(other, TensorExamples)
        assert isinstance(other.x, rows.Rows)
        assert torch.equal(one.labels(), other.labels())
        order = torch.randperm(len(one), generator=torch.Generator().manual_seed(0))
        for a, b in zip(one.batches(order, 3), other.batches(order, 3), strict=True):
            assert all(torch.equal(*each) for each in zip(a, b, strict=True))


def test_a_test_part_of_its_own_is_taken_as_it_is(tmp_path: Path, x: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=Y, test_x=x[::3], test_y=Y[::3])
    write_folder(tmp_path / "both" / "train", x)
    write_folder(tmp_path / "both" / "test", 255 - x)
    arrays, folder = read_own(tmp_path / "a.npz"), read_own(tmp_path / "both")
    assert (len(arrays.y), len(folder.y), len(folder.test_y)) == (48, 48, 48)
    assert torch.equal(pixels(arrays)[1][:, 0], torch.from_numpy(x[::3]))
    assert torch.equal(pixels(folder)[0], 255 - pixels(folder)[1])


def test_channels_come_first_whatever_the_file_says(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((48, 6, 5, 3))
    np.savez(tmp_path / "a.npz", x=x, y=Y)
    source = read_own(tmp_path / "a.npz")
    assert source.input_shape == (3, 6, 5)
    assert source.x.dtype == torch.float32
    assert pixels(source)[0][0, 2, 4, 1] in torch.from_numpy(x[:, 4, 1, 2].astype(np.float32))


@pytest.mark.parametrize("large", [0, 2**30])
def test_images_are_brought_to_one_size_and_colour_where_that_is_asked_for(
    tmp_path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(rows, "LARGE", large)
    folder = write_folder(tmp_path / "folder", x)
    Image.new("RGB", (9, 4), (250, 0, 0)).save(folder / "class-1" / "red.png")
    source = read_own(folder, size=8, colour="rgb")
    assert source.input_shape == (3, 8, 8)
    assert read_own(folder, size=8, colour="grey").input_shape == (1, 8, 8)
    both = torch.cat(pixels(source))
    assert bool((both == torch.tensor([250, 0, 0]).view(3, 1, 1)).flatten(1).all(1).any())


def test_columns_of_a_table_are_standardised_by_their_training_rows(tmp_path: Path) -> None:
    cells = np.random.default_rng(0).normal(50, 9, (40, 2))
    lines = [f"{a},{'odd' if row % 2 else 'even'},{b},7" for row, (a, b) in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["a,kind,b,same", *lines]) + "\n")
    source = read_own(tmp_path / "t.csv", label="kind", test=0.25)
    assert source.labels == ("even", "odd")
    assert source.test_y.bincount().tolist() == [5, 5]
    train, test = pixels(source)
    assert torch.allclose(train[:, :2].mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(train[:, :2].std(0, correction=0), torch.ones(2), atol=1e-5)
    assert bool((train[:, 2] == 0).all())
    assert bool((test[:, 2] == 0).all())
    back = torch.cat([train, test])[:, 0].double().sort().values
    assert np.corrcoef(back, np.sort(cells[:, 0]))[0, 1] == pytest.approx(1)


def test_parquet_is_the_same_table(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    cells = np.random.default_rng(0).normal(size=(40, 2))
    columns = {"a": cells[:, 0], "label": [10 * (row % 2) for row in range(40)], "b": cells[:, 1]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    lines = [f"{a!r},{label},{b!r}" for a, label, b in zip(*(list(map(float, each)) if name != "label" else each
             for name, each in columns.items()), strict=True)]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(["a,label,b", *lines]))
    one, other = read_own(tmp_path / "t.parquet"), read_own(tmp_path / "t.csv")
    assert one.labels == other.labels == ("0", "10")
    for a, b in zip(pixels(one), pixels(other), strict=True):
        assert torch.equal(a, b)


def test_a_path_is_named_as_it_is_typed_with_options_of_family_and_of_reading(tmp_path: Path) -> None:
    reference = scenario_reference("./a/data/:size=32,class,test=0.3,tasks=2".replace("size=32,class", "class,size=32"))
    assert reference.text == "./a/data/:class,tasks=2,test=0.3,size=32"
    assert scenario_reference(reference.text) == reference
    assert (reference.path, reference.options["tasks"], reference.reading["size"]) == ("./a/data/", 2, 32)
    assert scenario_reference("faces.npz").path == "faces.npz"
    assert scenario_reference("rotated-faces.npz").path == "faces.npz"
    assert scenario_reference("rotated-faces.npz").options["degrees"] == 180
    assert scenario_reference("./rotated-faces.npz").path == "./rotated-faces.npz"
    assert scenario_reference("label-noise-./x").path == "./x"
    assert scenario_reference("split-digits").path is None


def test_an_existing_folder_needs_no_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no scenario 'mine'" in refusal(lambda: scenario_reference("mine"))
    (tmp_path / "mine").mkdir()
    assert scenario_reference("mine:domain").text == "mine:domain"
    assert scenario_reference("permuted-mine").path == "mine"


def test_no_family_has_an_option_called_as_one_of_reading() -> None:
    for name, entry in SCENARIOS.entries().items():
        if entry.takes_source:
            assert not set(options_of(read_own)) & set(options_of(SCENARIOS.get(name))), name


def test_the_test_share_is_the_same_for_every_seed(tmp_path: Path, x: np.ndarray) -> None:
    write_arrays(tmp_path / "arrays", x)
    one, other = (scenario_reference(f"{tmp_path}/arrays:class,tasks=2").build(seed) for seed in (1, 2))
    assert len(one.test[0]) == len(other.test[0]) == 4
    first, second = (
        {tuple(row) for e in each.test for row in e.batch(torch.arange(len(e)))[0].flatten(1).tolist()}
        for each in (one, other)
    )
    assert first == second
