"""Strategies beside Avalanche's own code: the same weights and examples give the same importances, scores, choices,
owners and answers, wherever the two do not differ on purpose."""

import copy
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from scenarios.bridge.surroundings import quiet
from strategies.consolidation import Consolidation
from strategies.mas import MAS
from strategies.packnet import FREE, PackNet
from strategies.pnn import PNN
from strategies.rwalk import RWalk
from strategies.strategy import Batch

LR = 0.02


def peer(module: str) -> Any:
    """A module of Avalanche."""
    with quiet():
        return import_module(f"avalanche.{module}")


def training_of(trainer: Alone, index: int) -> tuple[Tensor, Tensor]:
    training = trainer.scenario.tasks[index].training
    return training.batch(torch.arange(len(training)))


def batch_of(trainer: Alone, index: int, x: Tensor, y: Tensor) -> Batch:
    masks = trainer.scenario.masks(index)
    return Batch(x, y, torch.tensor([index]), masks, torch.tensor(0.5), torch.tensor(0), len(y))


def around(network: nn.Module, **facts: Any) -> SimpleNamespace:
    """What a plug-in of Avalanche sees of the loop that it is plugged into."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    return SimpleNamespace(model=network, optimizer=optimizer, _criterion=criterion, device="cpu", **facts)


def in_one(found: dict[str, Any]) -> Tensor:
    """Avalanche's numbers for each parameter, in one vector."""
    return torch.cat([each.data.flatten() for each in found.values()])


def gradient_of(loss: Tensor, network: nn.Module) -> Tensor:
    return torch.cat([slope.flatten() for slope in torch.autograd.grad(loss, list(network.parameters()))])


def pull(strategy: Consolidation, batch: Batch) -> Tensor:
    """What the penalty adds to a gradient."""
    nothing = {name: torch.zeros_like(weight) for name, weight in strategy.named_parameters()}
    return torch.cat([each.flatten() for each in strategy.adjust_gradients(nothing, batch).values()])


def moved(network: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def assert_same_pull(strategy: Consolidation, batch: Batch, plugin: Any, loop: Any, rtol: float, atol: float) -> None:
    """Both networks are moved away alike; the penalty of the plug-in has the gradient that the strategy adds."""
    for network in (loop.model, strategy.network):
        moved(network)
    loop.clock.train_exp_counter, loop.loss = 1, torch.ones(())
    plugin.before_backward(loop)
    assert torch.allclose(pull(strategy, batch), gradient_of(loop.loss, loop.model), rtol=rtol, atol=atol)


def test_mas_has_their_importances_of_single_examples_and_their_penalty() -> None:
    trainer = trainer_for(tiny_spec("split-digits:domain", "mas", strength=0.7, samples=10_000))
    strategy = trainer.strategy
    assert isinstance(strategy, MAS)
    trainer.learn(0)
    x, y = training_of(trainer, 0)
    plugin = peer("training.plugins.mas").MASPlugin(lambda_reg=0.7)
    theirs = copy.deepcopy(strategy.network)
    examples = SimpleNamespace(dataset=TensorDataset(x, y, torch.zeros_like(y)))
    clock = SimpleNamespace(train_exp_counter=0)
    loop = around(theirs, experience=examples, clock=clock, train_mb_size=1)
    plugin.after_training_exp(loop)
    assert strategy.importance.max() > 0
    assert torch.allclose(strategy.importance, in_one(plugin.importance), rtol=1e-4, atol=1e-7)
    assert_same_pull(strategy, batch_of(trainer, 1, x, y), plugin, loop, rtol=1e-4, atol=1e-6)


def test_rwalk_has_their_information_scores_and_penalty_along_one_path() -> None:
    """Ten steps of one interval: with more, theirs takes the positive part of the sum, and ours of each summand."""
    damping = torch.finfo(torch.float32).eps
    fields = {"strength": 0.7, "smoothing": 0.6, "interval": 10, "damping": damping, "iterations": 10, "lr": LR}
    trainer = trainer_for(tiny_spec("split-digits:domain", "rwalk", **fields))
    strategy = trainer.strategy
    assert isinstance(strategy, RWalk)
    theirs, seen = copy.deepcopy(strategy.network), []
    loss_of = strategy.loss

    def watched(batch: Batch) -> Tensor:
        seen.append((batch.x.clone(), batch.y.clone()))
        return loss_of(batch)

    strategy.loss = watched  # type: ignore[method-assign]
    trainer.learn(0)
    plugin = peer("training.plugins.rwalk").RWalkPlugin(ewc_lambda=0.7, ewc_alpha=0.6, delta_t=10)
    clock = SimpleNamespace(train_exp_counter=0, train_iterations=0)
    loop = around(theirs, clock=clock)
    plugin.before_training(loop)
    assert len(seen) == 10
    for clock.train_iterations, (x, y) in enumerate(seen):
        loop.mbatch = [x, y, torch.zeros_like(y)]
        plugin.before_training_iteration(loop)
        loop.optimizer.step()
        plugin.after_training_iteration(loop)
    scores = in_one(plugin.checkpoint_scores)
    plugin.after_training_exp(loop)
    # Theirs begins with the first square, ours with 0: after ten steps a ten-thousandth of it is left.
    assert torch.allclose(strategy.fisher, in_one(plugin.exp_importance), rtol=1e-2, atol=1e-6)
    assert strategy.score.max() > 0
    assert torch.allclose(strategy.score, scores.clamp(min=0), rtol=1e-2, atol=1e-3)
    assert torch.allclose(strategy.importance, in_one(plugin.exp_penalties), rtol=1e-2, atol=1e-4)
    assert_same_pull(strategy, batch_of(trainer, 0, x, y), plugin, loop, rtol=1e-2, atol=1e-4)


def test_mir_chooses_what_they_choose_and_has_their_loss() -> None:
    fields = {"memory": 60, "memory_batch": 7, "candidates": 1000, "rate": LR}
    trainer = trainer_for(tiny_spec("split-digits:class,active=all", "mir", **fields))
    strategy: Any = trainer.strategy
    for index in range(3):
        trainer.learn(index)
    x, y = (part[:10] for part in training_of(trainer, 2))
    memory, old = strategy.memory, strategy.memory.task < 2
    assert old.sum() > 20
    plugin = peer("training.plugins.mir").MIRPlugin(batch_size_mem=7)
    plugin.replay_loader = iter([(memory.x[old], memory.y[old], memory.task[old])])
    loop = around(copy.deepcopy(strategy.network))
    loop.loss = loop._criterion(loop.model(x), y)
    plugin.before_backward(loop)
    prepared = strategy.prepare(batch_of(trainer, 2, x, y)).joined()
    assert len(prepared.y) == 17
    assert strategy.loss(prepared).item() == pytest.approx(loop.loss.item(), rel=1e-5)
    ours = torch.autograd.grad(strategy.loss(prepared), list(strategy.network.parameters()))
    assert torch.allclose(
        torch.cat([slope.flatten() for slope in ours]), gradient_of(loop.loss, loop.model), rtol=1e-4, atol=1e-6
    )


def test_packnet_prunes_what_they_prune_and_moves_what_they_move() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "packnet", share=0.75))
    strategy = trainer.strategy
    assert isinstance(strategy, PackNet)
    theirs = peer("models.packnet").PackNetModel(copy.deepcopy(strategy.network))
    hidden = dict(enumerate(theirs.wrappee.hidden))
    output = theirs.wrappee.output  # which is pruned in theirs alone: its mask is opened before answers are compared
    for index in range(3):
        task, batch = trainer.scenario.tasks[index], batch_of(trainer, index, *training_of(trainer, index))
        told = torch.full_like(batch.y, index)
        theirs.activate_task(index)
        strategy.start_task(task)
        strategy.start_phase(task, 0)
        for phase in range(2):
            if phase:
                theirs.prune(0.75)
                strategy.start_phase(task, 1)
            output.visible_mask.fill_(True)
            assert torch.allclose(batch.masked(theirs(batch.x, told)), strategy(batch), atol=1e-6)
            theirs.zero_grad()
            strategy.network.criterion(batch.masked(theirs(batch.x, told)), batch.y).backward()
            found = torch.autograd.grad(strategy.loss(batch), list(strategy.parameters()))
            names = [name for name, _ in strategy.named_parameters()]
            ours = strategy.adjust_gradients(dict(zip(names, found, strict=True)), batch)
            for place, layer in hidden.items():
                slope = ours[f"network.hidden.{place}.weight"]
                assert slope.abs().max() > 0
                assert torch.allclose(slope, layer.wrappee.weight.grad, atol=1e-7)
            with torch.no_grad():  # both move, each along its own gradients, and their output layer as ours
                for name, weight in strategy.named_parameters():
                    weight -= 3 * ours[name]
                for place, layer in hidden.items():
                    layer.wrappee.weight -= 3 * layer.wrappee.weight.grad
                    layer.wrappee.bias.copy_(strategy.network.get_parameter(f"hidden.{place}.bias"))
                output.wrappee.weight.copy_(strategy.network.output.weight)
                output.wrappee.bias.copy_(strategy.network.output.bias)
            if phase:
                for place, layer in hidden.items():
                    mine = strategy.owned()[f"hidden.{place}.weight"]
                    assert torch.equal(mine == FREE, layer.pruned_mask)
                    assert torch.equal(mine == index, layer.unfrozen_mask)
        strategy.end_task(task)
        theirs.freeze_pruned()
        with torch.no_grad():  # what is freed begins from 0 in ours, as in the paper, and where it was in theirs
            for place, layer in hidden.items():
                weight = strategy.network.get_parameter(f"hidden.{place}.weight")
                assert bool((weight[layer.task_index == theirs.task_count] == 0).all())
                weight.copy_(layer.wrappee.weight)


def test_pnn_answers_as_their_network_does_with_the_same_columns() -> None:
    """Theirs has biases in adapters, one more adapter on the inputs, and none below the heads: those are 0 here."""
    trainer = trainer_for(tiny_spec("split-digits:task", "pnn", network="mlp:16x16"))
    strategy = trainer.strategy
    assert isinstance(strategy, PNN)
    for index in range(3):
        trainer.learn(index)
    strategy.eval()
    with torch.no_grad():
        strategy.up[-1].zero_()
    theirs = peer("models.pnn").PNN(num_layers=2, in_features=64, hidden_features_per_column=16)
    for index in range(3):
        labels = SimpleNamespace(targets_task_labels=[index])
        facts = SimpleNamespace(dataset=labels, classes_in_this_experience=[0, 1], task_labels=[index])
        for layer in theirs.layers:
            layer.adaptation(facts)
    columns = strategy.columns()
    with torch.no_grad():
        for place, layer in enumerate(theirs.layers):
            for number, column in enumerate(columns):
                layer.columns[number].itoh.weight.copy_(column[f"weight_{place}"])
                layer.columns[number].itoh.bias.copy_(column[f"bias_{place}"])
                adapter = layer.columns[number].adapter
                if number == 0:
                    continue
                for each in (adapter.U.weight, adapter.U.bias, adapter.V.bias):
                    each.zero_()
                if place:
                    adapter.V.weight.copy_(column[f"down_{place}"])
                    adapter.U.weight.copy_(column[f"up_{place}"])
                    adapter.alphas.copy_(column[f"scales_{place}"])
    theirs.classifier = nn.Module()
    theirs.classifier.forward = lambda features, _: strategy.network.output(features)  # type: ignore[method-assign]
    for index in range(3):
        x, y = training_of(trainer, index)
        batch = batch_of(trainer, index, x, y)
        expected = theirs.forward_single_task(strategy.network.inputs(x).flatten(1), index)
        assert torch.allclose(strategy(batch), batch.masked(expected), atol=1e-5)
