"""Rotated: angles counter-clockwise, pictures still made of bytes."""

import pytest
import torch

from scenarios.examples import TensorExamples
from scenarios.rotated import Rotation, rotated
from scenarios.sources.source import Source


def angles(source: Source, seed: int | None, tasks: int, degrees: float) -> list[float]:
    scenario = rotated(source, seed, tasks=tasks, degrees=degrees)
    transforms = [test.transform for test in scenario.test if isinstance(test, TensorExamples)]
    return [transform.degrees for transform in transforms if isinstance(transform, Rotation)]


def test_no_angle_is_the_image_itself(letters: Source) -> None:
    assert torch.equal(Rotation(0)(letters.x), letters.x)


@pytest.mark.parametrize("quarters", [1, 2, 3, 4])
def test_quarter_turns_are_exact_and_counter_clockwise(letters: Source, quarters: int) -> None:
    assert torch.equal(Rotation(90 * quarters)(letters.x), torch.rot90(letters.x, quarters, (-2, -1)))


def test_a_bright_pixel_at_the_right_goes_up() -> None:
    x = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    x[0, 0, 2, 4] = 255
    assert Rotation(90)(x).nonzero().tolist() == [[0, 0, 0, 2]]
    assert Rotation(45)(x)[0, 0, :2, 3:].sum() > 0


def test_there_and_back_is_nearly_the_same_in_the_middle(digits: Source) -> None:
    smooth = torch.nn.functional.avg_pool2d(digits.x[:50].float(), 3, 1, 1)
    back = Rotation(-30)(Rotation(30)(smooth))
    assert (back - smooth)[:, :, 3:5, 3:5].abs().mean() < 12


def test_pictures_that_are_not_square_are_turned_and_not_sheared() -> None:
    x = torch.randint(0, 256, (2, 1, 4, 8), generator=torch.Generator().manual_seed(0)).byte()
    turned = Rotation(90)(x)
    assert turned.shape == x.shape
    assert torch.equal(turned[..., 2:6], torch.rot90(x[..., 2:6], 1, (-2, -1)))


def test_bytes_stay_bytes_and_floats_floats(letters: Source) -> None:
    assert Rotation(33)(letters.x).dtype == torch.uint8
    white = torch.full((1, 1, 6, 6), 255, dtype=torch.uint8)
    assert Rotation(33)(white)[0, 0, 2:4, 2:4].tolist() == [[255, 255], [255, 255]]
    scaled = letters.x.float() / 255
    assert (Rotation(33)(scaled) * 255 - Rotation(33)(letters.x)).abs().max() <= 0.5 + 1e-3


def test_without_a_seed_the_angles_are_spaced_evenly_from_zero(letters: Source) -> None:
    assert angles(letters, None, 4, 360.0) == [0, 90, 180, 270]
    assert angles(letters, None, 1, 10.0) == [0]


def test_a_seed_draws_the_angles_within_the_range(letters: Source) -> None:
    drawn = angles(letters, 0, 40, 360.0)
    assert all(0 <= angle <= 360 for angle in drawn)
    assert max(drawn) > 270
    assert len(set(drawn)) > 35
    assert drawn == angles(letters, 0, 40, 360.0) != angles(letters, 1, 40, 360.0)
    assert max(angles(letters, 0, 40, 10.0)) <= 10


def test_all_splits_of_a_task_are_turned_alike_and_their_labels_kept(letters: Source) -> None:
    scenario = rotated(letters, None, tasks=4, degrees=360.0)
    x, y = scenario.test[1].batch(torch.arange(30))
    assert torch.equal(x, torch.rot90(letters.test_x, 1, (-2, -1)))
    assert torch.equal(y, letters.test_y)
    task = scenario.tasks[1]
    for examples in (task.training, task.validation):
        assert isinstance(examples, TensorExamples)
        assert torch.equal(examples.batch(torch.arange(len(examples)))[0], torch.rot90(examples.x, 1, (-2, -1)))


def test_the_digest_tells_angles_apart(letters: Source) -> None:
    digests = {rotated(letters, None, tasks=2, degrees=degrees).digest for degrees in (10.0, 20.0, 20.01)}
    assert len(digests) == 3
