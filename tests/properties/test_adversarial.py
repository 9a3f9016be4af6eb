"""Robust accuracy: the ball, the orderings that must hold, and a model whose worst case is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmark.properties.adversarial import Adversarial, margin
from benchmark.properties.property import Subject

MakeSubject = Callable[..., Subject]


def again(subject: Subject) -> Subject:
    """The same subject with the random numbers from the start."""
    return replace(subject, generator=torch.Generator().manual_seed(0))


def two_class_problem(n: int = 400, d: int = 20) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights [2, d], images so far from 0 and 1 that no pixel is clipped, labels, and biases [2]."""
    draw = torch.Generator().manual_seed(1)
    weight = torch.randn(2, d, generator=draw)
    x = 0.3 + 0.4 * torch.rand(n, d, generator=draw)
    bias = torch.tensor([0.0, -0.5 * float((weight[1] - weight[0]).sum())])
    return weight, x, torch.randint(2, (n,), generator=draw), bias


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.05, 0.2])
def test_a_linear_model_is_as_robust_as_its_margins_say(epsilon: float, linear: MakeSubject) -> None:
    weight, x, y, bias = two_class_problem()
    margins = (x @ (weight[1] - weight[0]) + bias[1]) * (2 * y - 1)
    exact = (margins > epsilon * (weight[1] - weight[0]).abs().sum()).double().mean()
    found = Adversarial(epsilon=epsilon, examples=400).measure(linear(weight, x, y, bias))
    assert found.value == pytest.approx(float(exact))
    if epsilon == 0.01:
        assert 0 < found.value < found.beside["clean"]


@pytest.mark.parametrize("strategy", ["naive", "hat"])
def test_every_image_tried_lies_in_the_ball_and_in_the_pixels(strategy: str, subject: MakeSubject) -> None:
    attacked = subject("task", strategy)
    x, _ = again(attacked).sample(attacked.test, 256)
    tried: list[torch.Tensor] = []
    attacked.model.network.register_forward_pre_hook(lambda _, inputs: tried.append(inputs[0].detach()))
    Adversarial(epsilon=0.07, restarts=2).measure(again(attacked))
    assert len(tried) > 40
    assert all((image - x).abs().max() <= 0.07 + 1e-6 for image in tried)
    assert all(image.min() >= 0 and image.max() <= 1 for image in tried)
    assert any((image - x).abs().max() > 0.069 for image in tried)


@pytest.mark.parametrize("kind", ["task", "domain"])
def test_without_a_ball_it_is_the_clean_accuracy(kind: str, subject: MakeSubject) -> None:
    attacked = subject(kind, seen=1)
    found = Adversarial(epsilon=0).measure(attacked)
    x, y = attacked.sample(attacked.test)
    assert found.value == found.beside["clean"] == found.beside["noise"] == found.beside["noise_worst"]
    assert found.value == float((attacked.answers(x).argmax(1) == y).double().mean())


def test_accuracy_falls_with_epsilon_to_chance_or_below(subject: MakeSubject) -> None:
    attacked = subject("domain", seen=1)
    values = [
        Adversarial(epsilon=epsilon).measure(again(attacked)).value or 0.0
        for epsilon in (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.9
    assert values[-1] <= 0.5


def test_many_steps_find_what_one_finds_and_noise_finds_less(subject: MakeSubject) -> None:
    attacked = subject("domain", seen=1)
    pgd = Adversarial(epsilon=0.2).measure(again(attacked))
    x, y = again(attacked).sample(attacked.test, 256)
    slope = margin(attacked, x, y)[1]
    right, _ = margin(attacked, (x + 0.2 * slope.sign()).clamp(0, 1), y)
    assert pgd.value <= float(right.double().mean())
    assert pgd.value < pgd.beside["noise_worst"] <= pgd.beside["noise"]
    assert pgd.beside["noise_worst"] <= pgd.beside["clean"]
    harder = Adversarial(epsilon=0.2, steps=80, restarts=4).measure(again(attacked))
    assert pgd.value - 0.06 <= harder.value <= pgd.value


def test_large_logits_do_not_look_like_robustness(linear: MakeSubject) -> None:
    weight, x, y, bias = two_class_problem()
    usual = Adversarial(epsilon=0.03, examples=400).measure(linear(weight, x, y, bias))
    saturated = linear(1e4 * weight, x, y, 1e4 * bias)
    assert Adversarial(epsilon=0.03, examples=400).measure(saturated) == usual
    assert usual.value < 0.8 * usual.beside["clean"]
    images = x.clone().requires_grad_()
    cross_entropy(saturated.logits(images), y).backward()
    right = saturated.answers(x).argmax(1) == y
    assert float((images.grad[right] == 0).all(1).double().mean()) > 0.9


def test_the_rate_of_success_has_its_denominator_or_is_left_out(linear: MakeSubject) -> None:
    weight, x, y, bias = two_class_problem()
    found = Adversarial(epsilon=0.03, examples=400).measure(linear(weight, x, y, bias))
    correct = found.beside["clean_correct"]
    assert correct == round(found.beside["clean"] * 400) >= 100
    assert found.beside["success"] == pytest.approx(1 - found.value * 400 / correct)
    assert found.reason is None
    few = Adversarial(epsilon=0.03, examples=50).measure(linear(weight, x, y, bias))
    assert few.value is not None
    assert few.beside["success"] is None
    assert "fewer than 100" in str(few.reason)


def test_a_network_without_gradients_is_told(linear: MakeSubject) -> None:
    _, x, y, _ = two_class_problem()
    flat = Adversarial().measure(linear(torch.zeros(2, 20), x, y))
    assert flat.beside["without_gradient"] == 1
    assert Adversarial().measure(linear(torch.eye(2, 20), x, y)).beside["without_gradient"] == 0


def test_inputs_that_are_no_pixels_are_not_attacked(linear: MakeSubject) -> None:
    weight, x, y, bias = two_class_problem()
    found = Adversarial().measure(linear(weight, 2 * x, y, bias))
    assert found.value is None
    assert found.reason == "inputs are not pixels on [0, 1]"
