"""The network of quadratic forms: what it computes."""

import torch

from scenarios.task import Scenario
from strategies.networks.network import build_network
from strategies.networks.quadratic import Quadratic


def built(hidden: int = 7) -> Quadratic:
    torch.manual_seed(0)
    network = build_network(f"quadratic:{hidden}", Scenario("", "task", (2, 3), 4, (), ()))
    assert isinstance(network, Quadratic)
    return network.double()


def inputs() -> torch.Tensor:
    return torch.randn(5, 2, 3, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def test_it_is_what_its_formula_says() -> None:
    network, x = built().requires_grad_(False), inputs()
    weight, out = network.hidden.weight, network.output
    expected = [
        [
            sum(out.weight[c, j] * sum(weight[j, i] * row[i] for i in range(6)) ** 2 for j in range(7)) + out.bias[c]
            for c in range(4)
        ]
        for row in x.flatten(1)
    ]
    torch.testing.assert_close(network(x), torch.tensor(expected, dtype=torch.double))


def test_it_is_a_quadratic_form_without_a_linear_part() -> None:
    network, x = built(), inputs()
    centre = network(torch.zeros(1, 2, 3, dtype=torch.double))
    torch.testing.assert_close(network(-x), network(x))
    torch.testing.assert_close(network(3 * x) - centre, 9 * (network(x) - centre))
    assert torch.equal(centre[0], network.output.bias)


def test_there_are_as_many_parameters_as_the_paper_says() -> None:
    # Hidden 1000 over 500 inputs without biases, then an output a class.
    network = build_network("quadratic", Scenario("", "task", (500,), 2, (), ()))
    assert {name: tuple(p.shape) for name, p in network.named_parameters()} == {
        "hidden.weight": (1000, 500),
        "output.weight": (2, 1000),
        "output.bias": (2,),
    }
