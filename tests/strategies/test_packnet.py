"""PackNet: what is pruned, who owns what, and that nothing learned is ever lost."""

import copy
from typing import Any

import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch import Tensor

from benchmark.checkpoint import Checkpoint
from strategies.packnet import FREE, PackNet
from strategies.strategy import Batch


def trainer_of(**fields: Any) -> tuple[Alone, PackNet]:
    fields = {"iterations": 20, "network": "mlp:24x16", "momentum": 0.9, **fields}
    trainer = trainer_for(tiny_spec("split-digits:task", "packnet", **fields))
    assert isinstance(trainer.strategy, PackNet)
    return trainer, trainer.strategy


@torch.no_grad()
def answers(trainer: Alone, task: int) -> Tensor:
    strategy, (x, y) = trainer.strategy.eval(), trainer.scenario.tasks[task].training.batch(torch.arange(9))
    masks = trainer.scenario.masks(task)
    return strategy(Batch(x, y, torch.tensor([task]), masks, torch.tensor(1.0), torch.tensor(0), 9))


def test_the_smallest_of_a_task_s_weights_are_freed_layer_by_layer() -> None:
    trainer, strategy = trainer_of(share=0.5)
    weight, owner = strategy.network.get_parameter("hidden.1.weight"), strategy.owned()["hidden.1.weight"]
    with torch.no_grad():
        owner.fill_(0)
        owner[0, :6] = torch.tensor([1, 1, 1, FREE, 1, 1], dtype=torch.int16)
        weight[0, :6] = torch.tensor([0.3, -0.1, 0.2, 0.01, -0.4, 0.05])
    strategy.start_phase(trainer.scenario.tasks[1], 0)
    assert owner[0, :6].tolist() == [1, 1, 1, FREE, 1, 1], "the first training is not preceded by pruning"
    strategy.start_phase(trainer.scenario.tasks[1], 1)
    # Of five owned by task 2, round(2.5) = 2 go: those of magnitude 0.05 and 0.1.
    assert owner[0, :6].tolist() == [1, FREE, 1, FREE, 1, FREE]
    assert bool((owner[1:] == 0).all())


def test_capacity_is_handed_on_in_the_shares_that_pruning_leaves() -> None:
    trainer, strategy = trainer_of(share=0.75)
    sizes = {name: owner.numel() for name, owner in strategy.owned().items()}
    assert sizes == {"hidden.0.weight": 24 * 64, "hidden.1.weight": 16 * 24}
    free = dict(sizes)
    for task in trainer.scenario.tasks:
        trainer.learn(task.index)
        for name, owner in strategy.owned().items():
            freed = round(0.75 * free[name])
            assert int((owner == task.index).sum()) == free[name] - freed
            assert int((owner == FREE).sum()) == freed
            assert bool((strategy.network.get_parameter(name)[owner == FREE] == 0).all())
            free[name] = freed


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"weight_decay": 0.1},
        {"optimizer": "adam", "momentum": 0.0, "lr": 0.01, "weight_decay": 0.1},
        {"network": "cnn:channels=4,hidden=16"},
        {"network": "resnet18:channels=2", "iterations": 6},
    ],
    ids=str,
)
def test_no_task_is_ever_forgotten(fields: dict[str, Any]) -> None:
    trainer, _ = trainer_of(**fields)
    learned = []
    for task in trainer.scenario.tasks[:3]:
        trainer.learn(task.index)
        learned.append(answers(trainer, task.index))
        for index, before in enumerate(learned):
            assert torch.equal(answers(trainer, index), before)
    assert torch.isfinite(learned[2][:, 4:6]).all()


def test_what_is_free_takes_no_part_and_what_is_fixed_does_not_move() -> None:
    trainer, strategy = trainer_of()
    trainer.learn(0)
    before = {name: value.detach().clone() for name, value in strategy.network.named_parameters()}
    trainer.learn(1)
    for name, owner in strategy.owned().items():
        now = strategy.network.get_parameter(name)
        assert torch.equal(before[name][owner == 0], now[owner == 0])
        assert not torch.equal(before[name][owner == 1], now[owner == 1])
        assert bool((now[owner == 1] != 0).any())
    for name in ("hidden.0.bias", "hidden.1.bias"):
        assert torch.equal(before[name], strategy.network.get_parameter(name)), "biases are those of the first task"
    rows = strategy.network.output.weight
    assert torch.equal(before["output.weight"][:2], rows[:2])
    assert not torch.equal(before["output.weight"][2:4], rows[2:4])
    assert torch.equal(before["output.weight"][4:], rows[4:])
    # By hand: the network with what task 1 owns alone, and zeros elsewhere.
    kept = copy.deepcopy(strategy.network).eval()
    for name, owner in strategy.owned().items():
        kept.get_parameter(name).data[owner != 0] = 0
    x, _ = trainer.scenario.tasks[0].training.batch(torch.arange(9))
    assert torch.allclose(kept(x)[:, :2], answers(trainer, 0)[:, :2], atol=1e-6)


def test_examples_of_several_tasks_are_answered_each_by_its_own_weights() -> None:
    trainer, strategy = trainer_of()
    for index in range(2):
        trainer.learn(index)
    (x, y), masks = trainer.scenario.tasks[0].training.batch(torch.arange(6)), torch.ones(5, 10, dtype=torch.bool)
    batch = Batch(x, y, torch.tensor([0]), masks, torch.tensor(1.0), torch.tensor(0), 6)
    strategy.eval()
    first, second = strategy(batch), strategy(batch._replace(task=torch.tensor([1])))
    mixed = strategy(batch._replace(task=torch.tensor([0, 1, 1, 0, 1, 0])))
    assert not torch.equal(first, second)
    assert torch.equal(mixed, torch.stack([(first, second)[task][row] for row, task in enumerate((0, 1, 1, 0, 1, 0))]))


def test_it_is_pruned_once_however_often_the_run_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_spec("split-digits:task,tasks=2", "packnet", iterations=9, evaluate_every=2)
    taken: list[Checkpoint] = []
    whole = trainer_for(spec, keep=lambda checkpoint: taken.append(copy.deepcopy(checkpoint)), every=-1.0)
    whole.run()
    begun: list[tuple[int, int]] = []
    original = PackNet.start_phase

    def watched(self: PackNet, task: Any, number: int) -> None:
        begun.append((task.index, number))
        original(self, task, number)

    monkeypatch.setattr(PackNet, "start_phase", watched)
    within = [each for each in taken if each.facts["position"]["begun"]]
    assert {each.facts["position"]["phase"] for each in within} == {0, 1}
    for checkpoint in within:
        begun.clear()
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        place = checkpoint.facts["position"]
        every = [(task, number) for task in (0, 1) for number in (0, 1)]
        assert begun == every[every.index((place["task"], place["phase"])) + 1 :]
        mine, other = resumed.strategy.state_dict(), whole.strategy.state_dict()
        assert all(torch.equal(mine[name], other[name]) for name in other)
