"""Progressive networks: the equation written out, and columns that stay as they are."""

import copy
from typing import Any

import pytest
import torch
from support import Alone, tiny_spec, trained, trainer_for, weights
from torch import Tensor

from scenarios.errors import RequestError
from strategies.pnn import PNN
from strategies.strategy import Batch


def learned(tasks: int, **fields: Any) -> tuple[Alone, PNN]:
    fields = {"iterations": 15, "network": "mlp:24x16", **fields}
    trainer = trainer_for(tiny_spec("split-digits:task", "pnn", **fields))
    for index in range(tasks):
        trainer.learn(index)
    assert isinstance(trainer.strategy, PNN)
    return trainer, trainer.strategy


def batch_of(trainer: Alone, task: int) -> Batch:
    x, y = trainer.scenario.tasks[task].training.batch(torch.arange(9))
    masks = trainer.scenario.masks(task)
    return Batch(x, y, torch.tensor([task]), masks, torch.tensor(1.0), torch.tensor(0), 9)


def test_the_third_column_is_equation_2_written_out() -> None:
    trainer, strategy = learned(3)
    batch = batch_of(trainer, 2)
    net, f = strategy.network, torch.relu
    kept = dict(strategy.earlier.named_buffers())
    x = batch.x.flatten(1).float() / 255
    # Column 1 by itself.
    a1 = f(x @ kept["weight_0_of_0"].T + kept["bias_0_of_0"])
    a2 = f(a1 @ kept["weight_1_of_0"].T + kept["bias_1_of_0"])
    # Column 2 reads column 1.
    b1 = f(x @ kept["weight_0_of_1"].T + kept["bias_0_of_1"])
    adapter = f((kept["scales_1_of_1"] * a1) @ kept["down_1_of_1"].T) @ kept["up_1_of_1"].T
    b2 = f(b1 @ kept["weight_1_of_1"].T + kept["bias_1_of_1"] + adapter)
    # Column 3, the newest, reads both.
    c1 = f(x @ net.hidden[0].weight.T + net.hidden[0].bias)  # type: ignore[operator, union-attr]
    both = torch.cat([strategy.scales[0][0] * a1, strategy.scales[0][1] * b1], 1)
    adapter = f(both @ strategy.down[0].T) @ strategy.up[0].T
    c2 = f(c1 @ net.hidden[1].weight.T + net.hidden[1].bias + adapter)  # type: ignore[operator, union-attr]
    both = torch.cat([strategy.scales[1][0] * a2, strategy.scales[1][1] * b2], 1)
    adapter = f(both @ strategy.down[1].T) @ strategy.up[1].T
    expected = batch.masked(c2 @ net.output.weight.T + net.output.bias + adapter)
    for training in (True, False):
        assert torch.allclose(strategy.train(training)(batch), expected, atol=1e-5)


def test_columns_have_their_shapes_and_start_afresh() -> None:
    _, strategy = learned(3)
    assert [tuple(part.shape) for part in strategy.down] == [(24, 48), (16, 32)]
    assert [tuple(part.shape) for part in strategy.scales] == [(2,), (2,)]
    assert [tuple(part.shape) for part in strategy.up] == [(16, 24), (10, 16)]
    buffers = strategy.earlier
    assert buffers.get_buffer("down_1_of_1").shape == (24, 24)
    first, second = buffers.get_buffer("weight_0_of_0"), buffers.get_buffer("weight_0_of_1")
    assert abs(float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1])) < 0.15
    assert float(second.abs().max()) == pytest.approx(1 / 8, rel=0.2), "drawn from ± 1/√64, as the first was"


@pytest.mark.parametrize(
    "fields",
    [{"momentum": 0.9, "weight_decay": 0.1}, {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.1}],
    ids=str,
)
def test_no_task_is_ever_forgotten(fields: dict[str, Any]) -> None:
    trainer, strategy = learned(0, **fields)
    answers: list[Tensor] = []
    for index in range(4):
        trainer.learn(index)
        strategy.eval()
        answers.append(strategy(batch_of(trainer, index)).detach())
        for task, before in enumerate(answers):
            assert torch.equal(strategy(batch_of(trainer, task)), before)


def test_examples_of_several_tasks_are_answered_each_by_its_column() -> None:
    trainer, strategy = learned(2)
    batch = batch_of(trainer, 0)._replace(masks=torch.ones(5, 10, dtype=torch.bool))
    strategy.eval()
    first, second = strategy(batch), strategy(batch._replace(task=torch.tensor([1])))
    at = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 4])
    mixed = strategy(batch._replace(task=at))
    assert not torch.equal(first, second)
    for row, task in enumerate(at.tolist()):
        assert torch.equal(mixed[row], (first, second)[min(task, 1)][row]), "a task to come is the newest column's"


def test_dropout_touches_the_column_that_learns_alone() -> None:
    trainer, strategy = learned(2, network="mlp:24x16,dropout=0.5,input_dropout=0.2")
    strategy.train()
    seen: list[Tensor] = []
    read = strategy.read

    def watched(column: Any, layer: int, below: list[Tensor]) -> Tensor:
        seen.append(below[0])  # the input, or what column 1 computes
        return read(column, layer, below)

    strategy.read = watched  # type: ignore[method-assign]
    with torch.random.fork_rng():
        answers = [strategy(batch_of(trainer, 1)) for _ in range(2)]
    assert not torch.equal(*answers)
    half = len(seen) // 2
    # The newest column reads a damaged input at its first layer; whatever follows is read from column 1.
    for number, (a, b) in enumerate(zip(seen[:half], seen[half:], strict=True)):
        assert torch.equal(a, b), number


def test_its_parameters_and_its_work_grow_with_the_columns() -> None:
    trainer, _ = learned(3)
    first, second, third = trainer.outcome.costs
    assert first.parameters < second.parameters < third.parameters
    assert second.bytes_remembered < third.bytes_remembered
    assert [costs.examples_forward for costs in (first, second, third)] == [150, 300, 450]
    assert {costs.examples_backward for costs in (first, second, third)} == {150}


def test_a_network_it_cannot_widen_is_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match=r"^pnn grows columns of an mlp, which CNN is not: --network mlp$"):
        trainer_for(tiny_spec("split-digits:task", "pnn", network="cnn:channels=4,hidden=16"))


def test_with_one_task_it_is_naive() -> None:
    mine, naive = (trained("split-digits:task,tasks=1", name, iterations=20) for name in ("pnn", "naive"))
    assert torch.equal(weights(mine), weights(naive))


def test_a_state_of_any_size_loads() -> None:
    from benchmark.checkpoint import load_state

    trainer, strategy = learned(3)
    fresh = learned(0)[1]
    load_state(fresh, copy.deepcopy(strategy.state_dict()))
    fresh.eval(), strategy.eval()
    for task in range(3):
        assert torch.equal(fresh(batch_of(trainer, task)), strategy(batch_of(trainer, task)))
    assert {name for name, _ in fresh.named_parameters()} == {name for name, _ in strategy.named_parameters()}
