"""Corrupted: the stated formulas, graded, and the same image whenever it is seen."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal
from torch import Tensor

from scenarios.corrupted import FORMULAS, SEVERITIES, Corruption, corrupted
from scenarios.examples import TensorExamples
from scenarios.sources.source import Source
from scenarios.task import Scenario

SPOILING = [name for name in FORMULAS if name != "clean"]
CASES = [(name, severity) for name in SPOILING for severity in SEVERITIES]


def names(scenario: Scenario) -> list[str]:
    return [task.name for task in scenario.tasks]


def distance(name: str, severity: int, x: Tensor) -> float:
    return float((Corruption(name, severity, 0)(x).float() - x.float()).square().mean())


@pytest.mark.parametrize("name", SPOILING)
def test_each_severity_spoils_more_than_the_one_before(digits: Source, name: str) -> None:
    grey = (digits.x[:200] // 2) + 30
    spoiled = [distance(name, severity, grey) for severity in SEVERITIES]
    assert spoiled[0] > 0
    assert spoiled == sorted(spoiled)
    assert len(set(spoiled)) == len(spoiled)


@pytest.mark.parametrize(("name", "severity"), CASES)
def test_an_image_looks_the_same_alone_in_any_batch_and_moved(digits: Source, name: str, severity: int) -> None:
    corruption = Corruption(name, severity, 3)
    x = digits.x[:30]
    whole = corruption(x)
    assert whole.dtype == torch.uint8
    assert whole.shape == x.shape
    assert torch.equal(torch.cat([corruption(part) for part in x.split(1)]), whole)
    assert torch.equal(corruption(x.flip(0)).flip(0), whole)
    examples = TensorExamples(x, torch.zeros(30), 0, corruption)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    batched = torch.cat([part for part, _, _ in examples.batches(order, 7)])
    assert torch.equal(batched, whole[order])
    assert torch.equal(examples.to(torch.device("cpu")).batch(order)[0], whole[order])


@pytest.mark.parametrize(("name", "severity"), CASES)
def test_floats_and_colours_are_spoiled_within_bounds(name: str, severity: int) -> None:
    x = torch.rand(5, 3, 7, 10, generator=torch.Generator().manual_seed(0))
    spoiled = Corruption(name, severity, 0)(x)
    assert spoiled.dtype == torch.float32
    assert 0 <= float(spoiled.min()) < float(spoiled.max()) <= 1
    parts = [Corruption(name, severity, 0)(part) for part in x.split(2)]
    assert torch.equal(torch.cat(parts), spoiled)


def test_clean_and_nothing_are_left_alone(digits: Source) -> None:
    assert torch.equal(Corruption("clean", 5, 0)(digits.x), digits.x)
    for name in SPOILING:
        assert Corruption(name, 5, 0)(digits.x[:0]).shape == (0, 1, 8, 8)


def test_noise_has_the_stated_deviation_and_is_another_for_every_image_and_seed() -> None:
    x = torch.full((200, 1, 20, 20), 128, dtype=torch.uint8)
    x[:, 0, 0, 0] = torch.arange(200)
    spoiled = Corruption("noise", 1, 0)(x).float()[:, :, 1:] / 255
    assert float(spoiled.std()) == pytest.approx(0.08, rel=0.03)
    assert float(spoiled.mean()) == pytest.approx(128 / 255, abs=0.002)
    assert len(spoiled.flatten(1).unique(dim=0)) == 200
    assert not torch.equal(Corruption("noise", 1, 1)(x), Corruption("noise", 1, 0)(x))
    assert torch.equal(Corruption("noise", 1, 0)(x[:1]), Corruption("noise", 1, 0)(x[:1].clone()))


def test_impulses_are_black_or_white_on_the_stated_share_in_all_channels() -> None:
    x = torch.full((100, 3, 20, 20), 100, dtype=torch.uint8)
    x[:, 0, 0, 0] = torch.arange(100)
    spoiled = Corruption("impulse", 5, 0)(x)[:, :, 1:]
    assert set(spoiled.unique().tolist()) == {0, 100, 255}
    assert float((spoiled != 100).double().mean()) == pytest.approx(0.27, abs=0.01)
    assert float((spoiled == 255).double().mean()) == pytest.approx(0.135, abs=0.01)
    assert torch.equal(spoiled[:, 0], spoiled[:, 2])


def test_contrast_and_brightness_by_hand() -> None:
    x = torch.tensor([[[[0, 100], [200, 100]]]], dtype=torch.uint8)
    assert Corruption("contrast", 2, 0)(x).flatten().tolist() == [50, 100, 150, 100]
    assert Corruption("contrast", 5, 0)(x).flatten().tolist() == [85, 100, 115, 100]
    # 0.2 of 255 are 51, and white is the end.
    assert Corruption("brightness", 2, 0)(torch.tensor([[[[1, 100, 230]]]]).byte()).flatten().tolist() == [52, 151, 255]


def test_blur_is_a_normal_kernel_and_keeps_even_pictures_and_brightness() -> None:
    x = torch.zeros(1, 1, 25, 25)
    x[0, 0, 12, 12] = 1
    spread = Corruption("blur", 1, 0)(x)[0, 0]
    assert float(spread.sum()) == pytest.approx(1, abs=1e-5)
    places = torch.arange(25) - 12
    # σ is 0.04 · 25 = 1: the variance of either axis.
    assert float((spread.sum(0) * places**2).sum()) == pytest.approx(1, abs=0.02)
    assert float((spread.sum(1) * places**2).sum()) == pytest.approx(1, abs=0.02)
    assert float(spread[12, 13] / spread[12, 12]) == pytest.approx(0.6065, abs=1e-3)
    even = torch.full((2, 1, 9, 6), 77, dtype=torch.uint8)
    assert torch.equal(Corruption("blur", 5, 0)(even), even)


def test_occlusion_is_one_grey_rectangle_within_the_image_anywhere() -> None:
    x = torch.zeros(300, 3, 10, 20, dtype=torch.uint8)
    x[:, 0, 0, 0] = torch.arange(300) % 256
    x[:, 1, 0, 0] = torch.arange(300) // 256
    covered = Corruption("occlusion", 2, 0)(x)[:, 2] == 128
    assert covered.flatten(1).sum(1).tolist() == [3 * 6] * 300
    rows, columns = covered.any(2), covered.any(1)
    assert torch.equal(covered, rows.unsqueeze(2) & columns.unsqueeze(1))
    # All places occur: 8 rows and 15 columns to start from.
    assert set(rows.int().argmax(1).tolist()) == set(range(8))
    assert set(columns.int().argmax(1).tolist()) == set(range(15))


def test_without_a_seed_tasks_come_as_they_are_asked_for_and_a_seed_mixes_them(letters: Source) -> None:
    assert names(corrupted(letters, None)) == ["clean", "noise 3", "blur 3", "contrast 3", "occlusion 3"]
    assert names(corrupted(letters, None, corruptions="blur+noise", severity=5)) == ["blur 5", "noise 5"]
    orders = {tuple(names(corrupted(letters, seed))) for seed in range(6)}
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(names(corrupted(letters, None))))}


def test_severities_can_rise_along_the_tasks(letters: Source) -> None:
    rising = corrupted(letters, None, corruptions="noise+clean+blur", severity="rising")
    assert names(rising) == ["clean", *(f"{name} {level}" for level in SEVERITIES for name in ("noise", "blur"))]
    drawn = names(corrupted(letters, 1, corruptions="noise+blur+contrast", severity="rising"))
    assert [int(name[-1]) for name in drawn] == [level for level in SEVERITIES for _ in range(3)]


def test_tasks_share_their_images_and_the_digest_tells_them_apart(letters: Source) -> None:
    scenario = corrupted(letters, 0, kind="class")
    assert scenario.classes == 30
    assert len({id(test.x) for test in scenario.test if isinstance(test, TensorExamples)}) == 1
    assert len({test.digest() for test in scenario.test}) == 5
    options = [{"severity": 2}, {"severity": 3}, {"corruptions": "noise"}, {"corruptions": "blur"}]
    assert len({corrupted(letters, 0, **each).digest for each in options}) == 4  # type: ignore[arg-type]
    assert corrupted(letters, 0).digest == corrupted(letters, 0).digest != corrupted(letters, 1).digest


@pytest.mark.parametrize(
    ("corruptions", "says"),
    [
        ("noise+blurr", "there is no corruption 'blurr'; did you mean 'blur'? (known: blur, brightness,"),
        ("", "there is no corruption ''"),
        ("noise+", "there is no corruption ''"),
        ("noise+blur+noise", "names one twice"),
    ],
)
def test_corruptions_there_are_not_are_refused(letters: Source, corruptions: str, says: str) -> None:
    message = refusal(lambda: corrupted(letters, 0, corruptions=corruptions))
    assert message.startswith("corrupted-letters: ")
    assert says in message


def test_it_survives_pickling(digits: Source) -> None:
    corruption = Corruption("noise", 2, 5)
    again = pickle.loads(pickle.dumps(corruption))
    assert again.digest() == corruption.digest()
    assert torch.equal(again(digits.x[:5]), corruption(digits.x[:5]))


@given(st.sampled_from(CASES), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3]))
def test_images_of_any_size_can_be_spoiled(case: tuple[str, int], height: int, width: int, channels: int) -> None:
    x = torch.randint(0, 256, (2, channels, height, width), generator=torch.Generator().manual_seed(0)).byte()
    assert Corruption(*case, 0)(x).shape == x.shape
