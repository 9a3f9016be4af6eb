"""The true error on spheres: cases known by hand, other distributions, and points."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f as f_distribution
from torch import Tensor, nn

from benchmark.properties.analytic_error import AnalyticError, chance_above, exact, upper_bound
from benchmark.properties.property import Subject
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.hat import HAT
from strategies.naive import Naive
from strategies.networks.network import Gate, Network, build_network
from strategies.strategy import Strategy

CPU = torch.device("cpu")
MakeSubject = Callable[..., Subject]
WEIGHTS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30).map(np.array)


def spheres(options: str = "dimension=2", kind: str = "task") -> Scenario:
    return scenario_reference(f"spheres:{kind},examples=100,{options}").build()


def facing(scenario: Scenario, model: Strategy, seen: int = 0, after: int | None = None) -> Subject:
    masks = scenario.masks(len(scenario.tasks) - 1 if after is None else after)
    told = scenario.kind == "task"
    generator = torch.Generator().manual_seed(0)
    return Subject(model.eval(), scenario.tasks[seen], scenario.test[seen], masks, generator, CPU, told)


def diagonal(scenario: Scenario, forms: list[tuple[list[float], float]], network: str = "quadratic") -> Naive:
    """A quadratic network whose logits are Σ λ_i x_i² + b, one pair of λ and b a class."""
    dimension = scenario.input_shape[0]
    built = build_network(f"{network}:{dimension}", scenario)
    with torch.no_grad():
        built.hidden.weight.copy_(torch.eye(dimension))  # type: ignore[union-attr]
        built.output.weight.copy_(torch.tensor([weights for weights, _ in forms]))
        built.output.bias.copy_(torch.tensor([bias for _, bias in forms]))
    return Naive(built)


def measured(scenario: Scenario, forms: list[tuple[list[float], float]], seen: int = 0) -> dict[str, float]:
    found = AnalyticError().measure(facing(scenario, diagonal(scenario, forms), seen))
    assert found.reason is None
    return {"value": found.value, **found.beside}


@pytest.mark.parametrize("ratio", [1e-6, 0.25, 1.0, 3.0, 1e4])
def test_on_a_circle_it_is_the_length_of_known_arcs(ratio: float) -> None:
    # g₁² > ratio · g₂² where the angle to the first axis is below atan(1 / √ratio), in each of four quadrants.
    arcs = math.atan(1 / math.sqrt(ratio)) / (math.pi / 2)
    assert chance_above(np.array([1.0, -ratio])) == pytest.approx(arcs, rel=1e-12)
    assert chance_above(np.array([-5 * ratio, 5.0])) == pytest.approx(arcs, rel=1e-12)


def test_an_ellipse_between_and_across_the_circles() -> None:
    # x² / 1.2² + y² / 0.5² = 1: inside the unit circle near the y axis only, and never beyond that of radius 1.3.
    found = measured(spheres(), [([0.0, 0.0], 0.0), ([1 / 1.2**2, 1 / 0.5**2], -1.0)])
    # On the unit circle it is wrong where cos² / 1.44 + 4 sin² > 1: sin² > (1 − 1 / 1.44) / (4 − 1 / 1.44).
    angle = math.asin(math.sqrt((1 - 1 / 1.44) / (4 - 1 / 1.44)))
    inner = 1 - angle / (math.pi / 2)
    assert found["inner"] == pytest.approx(inner, rel=1e-6)
    assert found["outer"] == 0
    assert found["value"] == pytest.approx(inner / 2, rel=1e-6)
    assert found["outside"] == 1
    assert found["alpha_min"] == pytest.approx(1 / 1.44)
    assert found["alpha_max"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("alpha", "inner", "outer", "outside"), [(0.8, 0, 0, 0), (1.1, 1, 0, 5), (0.5, 0, 1, 5), (-1.0, 0, 1, 5)]
)
def test_a_sphere_is_right_everywhere_or_nowhere(alpha: float, inner: int, outer: int, outside: int) -> None:
    found = measured(spheres("dimension=5"), [([0.0] * 5, 1.0), ([alpha] * 5, 0.0)])
    assert (found["inner"], found["outer"], found["outside"]) == (inner, outer, outside)
    assert found["value"] == (inner + outer) / 2
    # Not even the paper's estimate errs where the sum does not vary in sign: it is far out in the normal tail.
    assert found["alpha_min"] == pytest.approx(found["alpha_max"]) == pytest.approx(alpha)


def test_a_constant_answer_is_wrong_on_one_sphere() -> None:
    for bias, inner, outer in ((-1.0, 0, 1), (1.0, 1, 0), (0.0, 0, 1)):
        found = measured(spheres(), [([0.0, 0.0], 0.0), ([0.0, 0.0], bias)])
        assert (found["value"], found["inner"], found["outer"]) == (0.5, inner, outer)
    assert found["alpha_min"] is None


@pytest.mark.parametrize(("plus", "minus"), [(1, 1), (5, 15), (250, 250), (1, 499), (499, 1)])
@pytest.mark.parametrize("factor", [0.01, 0.5, 1.0, 2.0, 100.0])
def test_two_weights_are_an_f_distribution(plus: int, minus: int, factor: float) -> None:
    # Σ g² over `plus` > factor Σ g² over `minus`: a quotient of two χ², also where it is 10⁻¹⁷⁰.
    weights = np.concatenate([np.ones(plus), np.full(minus, -factor)])
    expected = f_distribution.sf(factor * minus / plus, plus, minus)
    assert chance_above(weights) == pytest.approx(expected, rel=1e-9)
    assert chance_above(-weights) == pytest.approx(f_distribution.cdf(factor * minus / plus, plus, minus), rel=1e-9)


@given(WEIGHTS, st.floats(1e-3, 1e3))
def test_it_is_a_probability_whatever_the_weights(weights: np.ndarray, scale: float) -> None:
    found = chance_above(weights)
    assert 0 <= found <= 1
    assert chance_above(scale * weights) == pytest.approx(found, rel=1e-6, abs=1e-12)
    if weights.any():
        assert found + chance_above(-weights) == pytest.approx(1, abs=1e-9)
    assert chance_above(weights + 1) >= found - 1e-7


def test_a_million_points_agree() -> None:
    generator = np.random.default_rng(0)
    squares = generator.standard_normal((1_000_000, 8)) ** 2
    for _ in range(5):
        weights = generator.standard_normal(8) - 0.5
        share = float((squares @ weights > 0).mean())
        chance = chance_above(weights)
        assert abs(share - chance) <= 5 * math.sqrt(chance * (1 - chance) / len(squares))


def test_a_network_as_it_comes_agrees_with_its_own_answers() -> None:
    scenario = spheres("dimension=12")
    torch.manual_seed(0)
    network = build_network("quadratic:9", scenario)
    subject = facing(scenario, Naive(network))
    with torch.no_grad():  # so that its border is near both spheres
        x, _ = subject.sample(scenario.test[0])
        features = network.features(x)
        network.output.weight[1] -= network.output.weight[0] - 1
        network.output.weight[0] = 0
        network.output.bias.copy_(torch.stack([features.sum(1).median(), torch.zeros(())]))
    found = AnalyticError().measure(subject)
    assert found.reason is None
    tried = AnalyticError(examples=200_000).estimated(subject, scenario.test[0])
    for value, sampled in (
        (found.value, tried.value),
        *((found.beside[s], tried.beside[s]) for s in ("inner", "outer")),
    ):
        assert 0.01 < value < 0.99
        assert sampled == pytest.approx(value, abs=5 * math.sqrt(value * (1 - value) / 100_000))


def test_the_estimate_of_the_paper_is_good_in_the_middle_and_not_in_the_tail() -> None:
    middle = np.full(500, 0.77) + 0.3 * np.linspace(-1, 1, 500)
    found = exact(middle, -0.77, (1.0, 1.3))
    assert found.beside["inner"] == pytest.approx(0.5, abs=0.02)
    tail = exact(middle, -1.0, (1.0, 1.3)).beside
    assert tail["outside"] > 0
    assert 0 < tail["inner"] < 1e-20
    assert tail["clt"] > 1e10 * (tail["inner"] + tail["outer"])


@pytest.mark.parametrize("kind", ["task", "domain"])
def test_each_task_is_judged_by_its_own_radius(kind: str) -> None:
    scenario = spheres("dimension=3,radii=1.3+2", kind)
    border = ([1 / 1.5**2] * 3, -1.0)  # between 1 and 2, but beyond 1.3
    none = ([0.0] * 3, 0.0)
    forms = [none, border] * (2 if kind == "task" else 1)
    assert measured(scenario, forms, 0) == {**measured(scenario, forms, 0), "value": 0.5, "inner": 0, "outer": 1}
    assert measured(scenario, forms, 1)["value"] == 0


def test_what_a_strategy_shuts_is_not_counted() -> None:
    scenario = spheres("dimension=3")
    forms = [([0.0] * 3, 0.0), ([0.8] * 3, -1.0)]
    network = diagonal(scenario, forms).network
    open_ = facing(scenario, Naive(copy.deepcopy(network)))
    assert AnalyticError().measure(open_).value == 0
    hat = HAT(network)
    with torch.no_grad():
        next(p for name, p in hat.named_parameters() if "embedding" in name)[0, 0] = -100
    shut = AnalyticError().measure(facing(scenario, hat))
    assert shut.reason is None
    assert shut.beside["alpha_min"] == pytest.approx(0, abs=1e-9)
    assert shut.beside["outer"] > 0.1


class Norm(Network):
    """|x| against a border, or always the inner sphere: right, but no quadratic form."""

    def __init__(self, border: float) -> None:
        super().__init__()
        self.gateable, self.connections, self.border = (), {}, border
        self.output = nn.Linear(1, 2)

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        return x.norm(dim=1, keepdim=True)

    def forward(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        above = self.features(x) - self.border
        return torch.cat([-above, above], 1)


@pytest.mark.parametrize(("border", "inner", "outer"), [(1.1, 0.0, 0.0), (0.9, 1.0, 0.0), (2.0, 0.0, 1.0)])
def test_another_network_is_tried_on_fresh_points(border: float, inner: float, outer: float) -> None:
    scenario = spheres("dimension=4")
    found = AnalyticError(examples=3000).measure(facing(scenario, Naive(Norm(border))))
    assert "estimated from 3000 examples" in str(found.reason)
    assert (found.beside["inner"], found.beside["outer"], found.beside["examples"]) == (inner, outer, 3000)
    assert found.value == pytest.approx((inner + outer) / 2, abs=0.05)
    if found.value == 0:
        assert found.beside["bound"] == pytest.approx(1 - 0.05 ** (1 / 3000))  # (1 − p)ⁿ = 0.05
    else:
        assert found.value < found.beside["bound"] < found.value + 0.03


def test_a_rectifier_is_no_quadratic_form() -> None:
    scenario = spheres("dimension=4")
    torch.manual_seed(0)
    found = AnalyticError(examples=500).measure(facing(scenario, Naive(build_network("mlp:20", scenario))))
    assert "estimated from 500" in str(found.reason)
    shifted = diagonal(scenario, [([0.0] * 4, 0.0), ([0.8] * 4, -1.0)])
    shifted.network.standardise(0.1, 1.0)  # a linear part
    assert "estimated" in str(AnalyticError(examples=500).measure(facing(scenario, shifted)).reason)


def test_bounds_are_those_of_clopper_and_pearson() -> None:
    assert upper_bound(0, 100) == pytest.approx(1 - 0.05**0.01)
    assert upper_bound(100, 100) == 1
    # With p at the bound, as few errors as were seen come in 5 % of cases.
    p = upper_bound(2, 50)
    assert sum(math.comb(50, k) * p**k * (1 - p) ** (50 - k) for k in range(3)) == pytest.approx(0.05)


def test_measuring_leaves_the_model_in_single_precision() -> None:
    scenario = spheres("dimension=3")
    model = diagonal(scenario, [([0.0] * 3, 0.0), ([0.8] * 3, -1.0)])
    AnalyticError().measure(facing(scenario, model))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_of_what_is_no_pair_of_spheres_nothing_is_known(subject: MakeSubject) -> None:
    found = AnalyticError().measure(subject())
    assert found.value is None
    assert found.reason == "the task is no pair of spheres, so its true error is not known"


def test_validation_points_stand_for_the_same_spheres() -> None:
    scenario = spheres("dimension=3")
    model = diagonal(scenario, [([0.0] * 3, 0.0), ([0.5, 0.8, 1.2], -1.0)])
    usual = AnalyticError().measure(facing(scenario, model))
    trial = AnalyticError().measure(replace(facing(scenario, model), test=scenario.tasks[0].validation))
    assert usual == trial
