"""The largest eigenvalue, against matrices whose spectrum is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev
from torch.nn.functional import cross_entropy

from benchmark.properties.property import Subject
from benchmark.properties.sharpness import Sharpness, curvature, largest
from strategies.naive import Naive
from strategies.networks.mlp import MLP
from strategies.strategy import Strategy

MakeSubject = Callable[..., Subject]


def exact_hessian(model: Strategy, batch: object, labels: Tensor) -> Tensor:
    """All second derivatives of the mean cross-entropy, [P, P]."""
    names = dict(model.named_parameters())

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([parameter.numel() for parameter in names.values()])
        shaped = {name: part.view_as(names[name]) for name, part in zip(names, parts, strict=True)}
        return cross_entropy(functional_call(model, shaped, (batch,)), labels)

    return jacrev(grad(loss))(torch.cat([parameter.detach().flatten() for parameter in names.values()]))


@pytest.fixture
def small(linear: MakeSubject) -> Subject:
    """A small network with every parameter of a Hessian that can be written out."""
    draw = torch.Generator().manual_seed(2)
    x, y = torch.rand(40, 6, generator=draw), torch.randint(3, (40,), generator=draw)
    base = linear(torch.zeros(3, 6), x, y)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        base.model.network = MLP((6,), 3, hidden="5", activation="tanh")
    return base


def test_it_is_the_largest_eigenvalue_of_the_whole_hessian(small: Subject) -> None:
    x, y = small.sample(small.task.training)
    exact = torch.linalg.eigvalsh(exact_hessian(small.model, small.batch(x, y), y))
    found = Sharpness(iterations=1000, tolerance=1e-4).measure(small)
    assert found.value == pytest.approx(float(exact[-1]), rel=1e-3)
    assert found.beside["converged"]
    assert found.reason is None
    assert found.beside["loss"] == pytest.approx(cross_entropy(small.answers(x), y).item())


def test_products_with_the_hessian_are_those_of_the_whole_and_symmetric(small: Subject) -> None:
    x, y = small.sample(small.task.training)
    whole = exact_hessian(small.model, small.batch(x, y), y)
    loss = cross_entropy(small.logits(x), y)
    gradient, product = curvature(loss, list(small.model.network.parameters()))
    u, v = torch.randn(2, len(gradient), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(product(v), whole @ v, atol=1e-5)
    assert float(u @ product(v)) == pytest.approx(float(v @ product(u)), abs=1e-5)


def test_a_quadratic_has_the_curvature_it_was_given() -> None:
    root = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    matrix = root @ root.T
    w = torch.ones(6, dtype=torch.double, requires_grad=True)
    gradient, product = curvature(0.5 * w @ matrix @ w, [w])
    assert torch.allclose(gradient, matrix @ w.detach())
    value, _, converged = largest(product, torch.ones(6, dtype=torch.double), 1000, 1e-6)
    assert converged
    assert value == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]))


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [
        ([3.0, 1.0, -2.0], 3.0),
        ([2.0, 1.0, -5.0], 2.0),
        ([-1.0, -3.0, -5.0], -1.0),
        ([0.0, 0.0, 0.0], 0.0),
        ([0.0, -1.0, -4.0], 0.0),
    ],
)
def test_the_largest_is_found_whatever_the_signs(spectrum: list[float], expected: float) -> None:
    diagonal = torch.tensor(spectrum, dtype=torch.double)
    value, _, converged = largest(lambda v: diagonal * v, torch.ones(3, dtype=torch.double), 500, 1e-6)
    assert converged
    assert value == pytest.approx(expected, abs=1e-6)


def test_two_eigenvalues_of_opposite_sign_and_equal_size_are_no_convergence() -> None:
    diagonal = torch.tensor([1.0, -1.0])
    _, used, converged = largest(lambda v: diagonal * v, torch.tensor([2.0, 1.0]), 50, 1e-3)
    assert not converged
    assert used == 50


def test_without_convergence_the_value_is_a_lower_bound_and_says_so(small: Subject) -> None:
    cut_short = Sharpness(iterations=1, tolerance=1e-6).measure(small)
    assert not cut_short.beside["converged"]
    assert "lower bound" in str(cut_short.reason)
    assert cut_short.value <= Sharpness(iterations=1000).measure(small).value


def test_a_linear_model_is_no_sharper_than_its_inputs_allow(linear: MakeSubject) -> None:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.rand(64, 8, generator=draw), torch.randint(4, (64,), generator=draw)
    found = Sharpness(iterations=500).measure(linear(torch.randn(4, 8, generator=draw), x, y))
    with_bias = torch.cat([x, torch.ones(64, 1)], 1)
    assert 0 < found.value <= 0.5 * float(torch.linalg.eigvalsh(with_bias.T @ with_bias / 64)[-1])


def test_what_is_not_trained_does_not_count(linear: MakeSubject) -> None:
    x, y = torch.rand(16, 4), torch.arange(16) % 2
    free = linear(torch.eye(2, 4), x, y)
    half = linear(torch.eye(2, 4), x, y)
    half.model.network.output.weight.requires_grad_(False)
    assert isinstance(half.model, Naive)
    assert Sharpness().measure(half).value < Sharpness().measure(free).value
