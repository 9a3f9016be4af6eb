"""Test examples that are trained on are found by content, in the pass that a digest takes."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scenarios import digests, rows
from scenarios.digests import row_fingerprints
from scenarios.integrity import leaks
from scenarios.permuted import permuted
from scenarios.rows import Rows
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.spheres import Spheres
from scenarios.split import split


@given(
    size=st.integers(1, 40),
    kind=st.sampled_from([np.uint8, np.float32, np.int64]),
    most=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    mixed=st.sampled_from([1, 64, 2**18]),
)
def test_fingerprints_are_the_same_where_the_content_is(size: int, kind: Any, most: int, seed: int, mixed: int) -> None:
    """Few values, so that rows differ in a byte or two, or not at all."""
    values = np.random.default_rng(seed).integers(0, most + 1, (50, size)).astype(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "MIXED", mixed)
        found = row_fingerprints(torch.from_numpy(values)).tolist()
    contents = [row.tobytes() for row in values]
    assert [found.index(each) for each in found] == [contents.index(each) for each in contents]


def test_fingerprints_take_minus_zero_for_zero() -> None:
    one, other, another = row_fingerprints(torch.tensor([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]])).tolist()
    assert one == other != another


def test_no_rows_have_no_fingerprints() -> None:
    assert row_fingerprints(torch.empty(0, 3)).shape == (0,)
    assert len(row_fingerprints(torch.empty(2, 0)).unique()) == 1


def leaking(source: Source, places: dict[int, int]) -> Source:
    """The source with some test inputs exchanged for training inputs."""
    test_x = source.test_x[:].clone() if isinstance(source.test_x, torch.Tensor) else source.test_x.load()
    test_x[list(places)] = source.x[list(places.values())]
    return replace(source, test_x=test_x)


def test_a_leak_counts_once_however_many_tasks_train_on_it(letters: Source) -> None:
    source = leaking(letters, {0: 0, 1: 0, 5: 7})
    scenario = split(source, None, kind="class", tasks=3, validation=0.0)
    found = leaks(scenario)
    assert sum(count for count, _ in found) == 3
    assert scenario.leaked == tuple(count for count, _ in found)
    assert all(sum(among.values()) == count for count, among in found)


def test_what_is_seen_through_another_transform_is_another_input(letters: Source) -> None:
    scenario = permuted(leaking(letters, {0: 0, 1: 3}), 0, kind="domain", tasks=3, validation=0.0)
    assert leaks(scenario) == [(2, {0: 2}), (2, {1: 2}), (2, {2: 2})]
    swapped = replace(scenario, test=(scenario.test[1],) * 3)
    assert leaks(swapped) == [(2, {1: 2})] * 3
    alien = replace(scenario, tasks=scenario.tasks[:1], test=scenario.test[1:2])
    assert leaks(alien) == [(0, {})]


def test_drawn_inputs_are_read_by_a_check_and_by_nothing_else() -> None:
    scenario = scenario_reference("spheres:examples=50,dimension=3").build()
    assert scenario.leaked is None
    training = scenario.tasks[0].training
    assert isinstance(training, Spheres)
    again = replace(scenario, test=(training,))
    assert again.leaked is None
    assert leaks(again) == [(50, {0: 50})]


def own(tmp_path: Path) -> str:
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    y = np.arange(40) % 4
    for name, array in (("x", x), ("y", y), ("test_x", np.concatenate([x[1::4][:3], 255 - x[:9]]))):
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "test_y.npy", np.array([1, 1, 1, *y[:9]]))
    return f"{tmp_path}:class,tasks=2,validation=0"


def test_inputs_in_files_are_read_once_for_digest_and_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = scenario_reference(own(tmp_path)).build()
    monkeypatch.setattr(rows, "LARGE", 0)
    scenario = scenario_reference(f"{tmp_path}/:class,tasks=2,validation=0").build()
    training = scenario.tasks[0].training.x  # type: ignore[attr-defined]
    assert isinstance(training, Rows)
    read, reading = 0, type(training).read

    def counting(self: Any, numbers: torch.Tensor) -> torch.Tensor:
        nonlocal read
        read += len(numbers)
        return reading(self, numbers)

    monkeypatch.setattr(type(training), "read", counting)
    assert replace(scenario, name=held.name).digest == held.digest
    assert scenario.leaked == held.leaked == (3, 0)
    again = pickle.loads(pickle.dumps(replace(scenario)))
    assert (again.digest, again.leaked) == (scenario.digest, scenario.leaked)
    assert read == 52


def test_images_in_files_leak_where_the_files_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for number in range(4):
                Image.fromarray(draw.integers(0, 256, (5, 5), dtype=np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "test" / "dog" / "2.png").write_bytes((tmp_path / "train" / "cat" / "1.png").read_bytes())
    held = scenario_reference(f"{tmp_path}:class,tasks=2,validation=0").build()
    assert held.leaked == (0, 1)
    monkeypatch.setattr(rows, "LARGE", 0)
    filed = scenario_reference(f"{tmp_path}/:class,tasks=2,validation=0").build()
    assert isinstance(filed.test[0].x, Rows)  # type: ignore[attr-defined]
    assert filed.leaked == (0, 1)
    assert leaks(filed) == [(0, {}), (1, {0: 1})]
