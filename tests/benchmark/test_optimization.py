"""The optimisers are torch's, step for step, alone and stacked."""

from typing import Any

import pytest
import torch
from support import tiny_spec
from torch import Tensor

from benchmark.optimization import Optimizer

STEPS = 30

CHOICES: list[dict[str, Any]] = [
    {"optimizer": "sgd", "lr": 0.1},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    {"optimizer": "adam", "lr": 0.01},
    {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1},
]


def torchs(fields: dict[str, Any], parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[fields["optimizer"]]
    others = {name: value for name, value in fields.items() if name in ("momentum", "weight_decay")}
    return kind(parameters, lr=lr, **others)


def gradients_of(step: int, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def start() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(99)
    return {
        "network.weight": torch.randn(4, 3, generator=generator),
        "network.bias": torch.randn(4, generator=generator),
    }


@pytest.mark.parametrize("fields", CHOICES, ids=str)
def test_alone(fields: dict[str, Any]) -> None:
    ours, theirs = start(), start()
    optimizer = Optimizer(tiny_spec("split-digits", "naive", **fields), ours)
    reference = torchs(fields, list(theirs.values()), fields["lr"])
    for step in range(STEPS):
        gradients = gradients_of(step, {name: value.shape for name, value in ours.items()})
        for name, value in theirs.items():
            value.grad = gradients[name].clone()
        reference.step()
        optimizer.update(ours, optimizer.decayed(gradients, ours))
    for name in ours:
        assert torch.allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6), name


@pytest.mark.parametrize("fields", CHOICES, ids=str)
def test_stacked_each_has_its_own_rate_and_begins_anew_by_itself(fields: dict[str, Any]) -> None:
    rates, anew = (fields["lr"], fields["lr"] / 3), 12
    stacked = {name: torch.stack([value, value.clone()]) for name, value in start().items()}
    optimizer = Optimizer(tiny_spec("split-digits", "naive", **fields), stacked, replicas=2)
    alone = [start() for _ in rates]
    references = [torchs(fields, list(own.values()), fields["lr"]) for own in alone]
    for step in range(STEPS):
        if step == anew:  # the second one's schedule drops its rate, and forgets
            for row in optimizer.rows(1):
                row.zero_()
            optimizer.rows(1)[0].fill_(rates[1])
            references[1] = torchs(fields, list(alone[1].values()), rates[1])
        each = [gradients_of(100 * place + step, {n: v.shape for n, v in start().items()}) for place in range(2)]
        for own, gradients, reference in zip(alone, each, references, strict=True):
            for name, value in own.items():
                value.grad = gradients[name].clone()
            reference.step()
        together = {name: torch.stack([gradients[name] for gradients in each]) for name in stacked}
        optimizer.update(stacked, optimizer.decayed(together, stacked))
    for place, own in enumerate(alone):
        for name, value in own.items():
            assert torch.allclose(stacked[name][place], value, rtol=1e-5, atol=1e-6), name


def test_decay_is_for_the_network_alone() -> None:
    for optimizer in ("sgd", "adamw"):
        parameters = {"network.weight": torch.ones(2), "embeddings.0": torch.ones(2)}
        spec = tiny_spec("split-digits", "naive", optimizer=optimizer, lr=0.1, weight_decay=0.5)
        ours = Optimizer(spec, parameters)
        ours.update(parameters, ours.decayed({name: torch.zeros(2) for name in parameters}, parameters))
        assert parameters["network.weight"].tolist() == pytest.approx([0.95, 0.95])
        assert parameters["embeddings.0"].tolist() == [1.0, 1.0]
