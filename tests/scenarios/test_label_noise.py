"""Label noise: exactly the share asked for is false, evenly so, and nothing else is."""

from dataclasses import replace

import pytest
import torch
from refusals import refusal

from scenarios.examples import Examples, TensorExamples
from scenarios.label_noise import label_noise
from scenarios.sources.source import Source
from scenarios.split import split
from scenarios.task import Kind


def given(examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
    """The labels given, and the true ones."""
    y = examples.batch(torch.arange(len(examples)))[1]
    return y, y if examples.truth is None else examples.truth


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_it_is_the_split_with_a_share_of_training_labels_changed(letters: Source, kind: Kind) -> None:
    noisy, plain = (make(letters, 3, kind=kind, tasks=2) for make in (label_noise, split))
    for task, other in zip(noisy.tasks, plain.tasks, strict=True):
        (y, truth), (true, _) = given(task.training), given(other.training)
        assert torch.equal(truth, true)
        assert int((y != truth).sum()) == round(0.4 * 54)
        assert set(y.tolist()) <= set(task.classes)
        everything = torch.arange(len(y))
        assert torch.equal(task.training.batch(everything)[0], other.training.batch(everything)[0])
        assert task.validation.digest() == other.validation.digest()
        assert task.validation.truth is None
    assert [test.digest() for test in noisy.test] == [test.digest() for test in plain.test]


@pytest.mark.parametrize(("noise", "false"), [(0.0, 0), (0.01, 0), (0.1, 4), (0.5, 18), (1.0, 36)])
def test_the_share_is_exact(letters: Source, noise: float, false: int) -> None:
    for task in label_noise(letters, 0, tasks=3, noise=noise).tasks:
        y, truth = given(task.training)
        assert int((y != truth).sum()) == false


def test_every_other_class_is_as_likely_and_the_own_never(letters: Source) -> None:
    y = torch.arange(4).repeat(3000)
    x = letters.x[:1].expand(len(y), -1, -1, -1)
    many = Source("many", tuple("abcd"), x, y, x[:8], y[:8])
    labels, truth = given(label_noise(many, 0, tasks=1, noise=0.9, validation=0.0).tasks[0].training)
    false = labels != truth
    counts = torch.zeros(4, 4).index_put_((truth[false], labels[false]), torch.ones(()), accumulate=True)
    assert counts.diagonal().tolist() == [0, 0, 0, 0]
    # 900 expected of 10,800 draws over 12 cells: four standard deviations are 115.
    assert (counts[~torch.eye(4, dtype=torch.bool)] - 900).abs().max() < 115


def test_the_seed_draws_them(letters: Source) -> None:
    def labels(seed: int | None) -> list[list[int]]:
        return [given(task.training)[0].tolist() for task in label_noise(letters, seed, tasks=3).tasks]

    assert labels(1) == labels(1) != labels(2)
    assert label_noise(letters, 1, tasks=3).digest != label_noise(letters, 1, tasks=3, noise=0.41).digest


def test_validation_on_the_training_examples_is_by_their_true_labels(letters: Source) -> None:
    task = label_noise(letters, 0, tasks=3, validation="training").tasks[0]
    assert torch.equal(given(task.validation)[0], given(task.training)[1])


def test_a_task_of_one_class_is_refused(letters: Source) -> None:
    assert "no label can be false" in refusal(lambda: label_noise(letters, 0, tasks=6))
    assert refusal(lambda: label_noise(letters, 0, tasks=4)).startswith("label-noise-letters: 6 classes do not divide")
    single = replace(letters, y=letters.y * 0, test_y=letters.test_y * 0, labels=("a",))
    assert "no label can be false" in refusal(lambda: label_noise(single, 0, tasks=1))


def test_the_truth_goes_with_the_examples_and_into_their_digest() -> None:
    x, y, truth = torch.zeros(3, 1), torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4])
    examples = TensorExamples(x, y, 0, truth=truth)
    moved = examples.to(torch.device("cpu"))
    assert moved.truth is not None
    assert torch.equal(moved.truth, truth)
    assert moved.digest() == examples.digest() != TensorExamples(x, y, 0).digest()
