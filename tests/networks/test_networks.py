"""Networks: what a gate does, which parameters lie where, and what inputs become."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from scenarios.errors import RequestError
from scenarios.task import Scenario
from strategies.catalogue import NETWORKS
from strategies.networks.network import Gate, Network, build_network, network_reference

SMALL = {"mlp": "mlp:12x8x6", "cnn": "cnn:3,hidden=10", "resnet18": "resnet18:3", "quadratic": "quadratic:12"}
NAMES = sorted(NETWORKS.entries())


def scenario(shape: tuple[int, ...] = (2, 8, 8), standardise: tuple[float, float] | None = None) -> Scenario:
    return Scenario("", "class", shape, 5, (), (), standardise=standardise)


def built(text: str, shape: tuple[int, ...] = (2, 8, 8), seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_network(text, scenario(shape))


def inputs(count: int = 6, shape: tuple[int, ...] = (2, 8, 8)) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator)


def ones(network: Network) -> list[Tensor]:
    return [torch.ones(1, units) for units in network.gateable]


def shut(network: Network, layer: int, unit: int) -> Gate:
    """A gate that is open but for one unit."""
    gate = ones(network)
    gate[layer][0, unit] = 0
    return gate


def units_of(network: Network, name: str, parameter: Tensor) -> Tensor:
    """The parameter as [units written, units read, repetitions], or [units written, 1, rest]."""
    reads = network.connections[name].reads
    return parameter.reshape(len(parameter), 1 if reads is None else network.gateable[reads], -1)


@torch.no_grad()
def change(network: Network, touch: Callable[[str, Tensor], Tensor | None]) -> int:
    """Add noise to the parts that `touch` picks of the parameters; how many parts."""
    generator = torch.Generator().manual_seed(1)
    touched = 0
    for name in network.connections:
        part = touch(name, units_of(network, name, network.get_parameter(name)))
        if part is not None:
            part += 3 * torch.randn(part.shape, generator=generator)
            touched += 1
    return touched


@pytest.fixture(params=NAMES)
def network(request: pytest.FixtureRequest) -> Network:
    """Each registered network, small, in evaluation mode."""
    return built(SMALL.get(request.param, request.param)).eval()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 9)])
@pytest.mark.parametrize("name", NAMES)
def test_there_is_one_logit_a_class(name: str, shape: tuple[int, ...]) -> None:
    network = built(SMALL.get(name, name), shape)
    x = inputs(4, shape)
    assert network(x).shape == (4, 5)
    assert network.features(x).shape == (4, network.output.in_features)
    assert torch.equal(network.eval()(x), network.output(network.features(x)))


def test_an_open_gate_is_no_gate(network: Network) -> None:
    assert torch.equal(network(inputs(), ones(network)), network(inputs()))


def test_a_gate_may_differ_from_example_to_example(network: Network) -> None:
    x = inputs(3)
    gates = [[torch.rand(1, units) for units in network.gateable] for _ in range(3)]
    together = network(x, [torch.cat(layer) for layer in zip(*gates, strict=True)])
    for index, gate in enumerate(gates):
        torch.testing.assert_close(together[index], network(x[index : index + 1], gate)[0])


def test_every_parameter_but_the_output_layers_has_its_place(network: Network) -> None:
    expected = {name for name, _ in network.named_parameters() if not name.startswith("output.")}
    assert set(network.connections) == expected
    for name, (writes, reads) in network.connections.items():
        parameter = network.get_parameter(name)
        assert len(parameter) == network.gateable[writes]
        if reads is not None:
            assert reads < writes
            assert parameter.shape[1] % network.gateable[reads] == 0
    assert {writes for writes, _ in network.connections.values()} == set(range(len(network.gateable)))
    read = {reads for _, reads in network.connections.values() if reads is not None}
    assert read == set(range(len(network.gateable) - 1))


def test_what_writes_a_shut_unit_does_not_matter(network: Network) -> None:
    x = inputs()
    for layer, units in enumerate(network.gateable):
        gate = shut(network, layer, units - 1)
        before = network(x, gate)
        touched = change(
            network,
            lambda name, p, layer=layer: p[-1] if network.connections[name].writes == layer else None,  # type: ignore[misc]
        )
        assert touched >= 1
        assert torch.equal(network(x, gate), before)


def test_what_reads_a_shut_unit_does_not_matter(network: Network) -> None:
    x = inputs()
    for layer, units in enumerate(network.gateable[:-1]):
        gate = shut(network, layer, units - 1)
        before = network(x, gate)
        touched = change(
            network,
            lambda name, p, layer=layer: p[:, -1] if network.connections[name].reads == layer else None,  # type: ignore[misc]
        )
        assert touched >= 1
        assert torch.equal(network(x, gate), before)


def test_what_lies_at_an_open_unit_does_matter(network: Network) -> None:
    x = inputs()
    for layer in range(len(network.gateable)):
        before = network(x)
        change(network, lambda name, p, layer=layer: p if network.connections[name].writes == layer else None)  # type: ignore[misc]
        assert not torch.allclose(network(x), before)


def test_with_all_units_of_a_plain_network_shut_only_the_output_bias_is_left() -> None:
    for name in ("mlp", "cnn", "quadratic"):
        network = built(SMALL[name])
        logits = network(inputs(), [torch.zeros(1, units) for units in network.gateable])
        assert torch.equal(logits, network.output.bias.expand(6, -1))


def test_bytes_are_floats_on_zero_to_one(network: Network) -> None:
    torch.testing.assert_close(network(inputs()), network(inputs().float() / 255))


@pytest.mark.parametrize("statistics", [(0.286, 0.353), (0.0, 0.5), (0.5, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("name", NAMES)
def test_standardising_is_subtracting_the_mean_and_dividing(name: str, statistics: tuple[float, float]) -> None:
    mean, deviation = statistics
    plain = built(SMALL.get(name, name)).eval()
    torch.manual_seed(0)
    network = build_network(SMALL.get(name, name), scenario(standardise=statistics)).eval()
    x = inputs().float() / 255
    expected = plain((x - mean) / deviation)
    torch.testing.assert_close(network(inputs()), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(network(x), expected, atol=1e-5, rtol=1e-4)


def test_inputs_are_left_as_they_were(network: Network) -> None:
    network.standardise(0.3, 0.4)
    for x in (inputs(), inputs().float() / 255):
        before = x.clone()
        network(x)
        assert torch.equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_one_set_of_weights(name: str) -> None:
    first, same, other = (built(SMALL.get(name, name), seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("text", ["mlp:30,dropout=0.5", "mlp:30,input_dropout=0.5", "cnn:3,hidden=30,dropout=0.5"])
def test_units_are_dropped_in_training_only(text: str) -> None:
    network = built(text)
    plain = built(text.replace("0.5", "0"))
    assert not torch.equal(network(inputs()), network(inputs()))
    network.eval()
    assert torch.equal(network(inputs()), plain(inputs()))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_an_mlp_is_what_its_formula_says(activation: str) -> None:
    network = built(f"mlp:7,activation={activation}")
    x = inputs().flatten(1).float() / 255
    hidden = getattr(torch, activation)(x @ network.hidden[0].weight.T + network.hidden[0].bias)  # type: ignore[index]
    torch.testing.assert_close(network(inputs()), hidden @ network.output.weight.T + network.output.bias)


def test_xavier_weights_fill_the_range_of_their_formula() -> None:
    network = built("mlp:300x200,initial=xavier")
    for layer in (*network.hidden, network.output):  # type: ignore[misc]
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert 0.95 * bound < layer.weight.max() <= bound
        assert -bound <= layer.weight.min() < -0.95 * bound
        assert not layer.bias.any()


def test_sizes_are_those_asked_for() -> None:
    assert built("mlp:5x4x3").gateable == (5, 4, 3)
    assert built("mlp").gateable == (400, 400)
    assert built("quadratic").gateable == (1000,)
    assert built("quadratic:7").gateable == (7,)
    assert built("cnn:4,hidden=9").gateable == (4, 8, 9)
    assert built("resnet18:2").gateable == (2, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16)


def test_the_reduced_resnet_is_the_size_the_papers_say() -> None:
    torch.manual_seed(0)
    network = build_network("resnet18", Scenario("", "task", (3, 32, 32), 100, (), ()))
    weights = [p for name, p in network.named_parameters() if p.ndim == 4]
    assert len(weights) == 20
    assert 1.0e6 < sum(p.numel() for p in network.parameters()) < 1.2e6


def test_references_have_one_spelling() -> None:
    assert network_reference("mlp") == "mlp:400x400"
    assert network_reference("mlp:hidden=30,dropout=0.0") == "mlp:30"
    assert network_reference("cnn:channels=8, dropout=.5") == "cnn:8,dropout=0.5"
    for name in NAMES:
        assert network_reference(network_reference(name)) == network_reference(name)


def refused(text: str, shape: tuple[int, ...] = (1, 8, 8)) -> str:
    with pytest.raises(RequestError) as caught:
        built(text, shape)
    (line,) = str(caught.value).splitlines()
    return line


BAD_VALUES = {
    "mlp": "0x4 abc 4x x4 -3 4.5 1٣ hidden= none 4,dropout=1 4,dropout=nan 4,activation=gelu",
    "cnn": "0 1.5 hidden=-1 dropout=-0.1",
    "resnet18": "0 many",
    "quadratic": "0 2.5 many hidden=-1",
}


@pytest.mark.parametrize(
    "text", [f"{name}:{value}" for name, values in BAD_VALUES.items() for value in [*values.split(), "4 x\n4"]]
)
def test_bad_values_are_refused(text: str) -> None:
    assert "is not possible" in refused(text)


def test_bad_names_and_options_are_refused() -> None:
    assert "did you mean 'resnet18'?" in refused("resnet")
    assert "did you mean 'dropout'?" in refused("mlp:4,drop=0.5")
    assert "gives 'dropout' twice" in refused("mlp:4,dropout=0.1,dropout=0.2")
    assert "names nothing" in refused("")


@pytest.mark.parametrize(
    ("text", "shape"),
    [("cnn", (1, 3, 8)), ("cnn", (1, 8, 3)), ("cnn", (64,)), ("cnn", (1, 1, 8, 8)), ("resnet18", (64,))],
)
def test_inputs_that_do_not_suit_are_refused_with_their_shape(text: str, shape: tuple[int, ...]) -> None:
    assert str(shape) in refused(text, shape)


@given(st.text() | st.sampled_from(["mlp:", "cnn:", "resnet18:"]).flatmap(lambda n: st.text().map(n.__add__)))
def test_any_text_is_a_network_or_refused_in_one_line(text: str) -> None:
    try:
        canonical = network_reference(text)
    except RequestError as error:
        refusal = str(error)
    else:
        assert network_reference(canonical) == canonical
        return
    assert len(refusal.splitlines()) == 1
