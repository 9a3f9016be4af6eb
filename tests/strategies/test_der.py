"""DER and DER++: which logits are remembered, and the loss written out."""

import copy
from typing import Any

import pytest
import torch
from support import tiny_spec, trainer_for

from strategies.strategy import Batch


def learned(name: str, **fields: Any) -> Any:
    trainer = trainer_for(tiny_spec("split-digits:class", name, **fields))
    for index in range(2):
        trainer.learn(index)
    return trainer


def a_batch(trainer: Any) -> Batch:
    x, y = trainer.scenario.tasks[1].training.batch(torch.arange(10))
    masks = trainer.strategy.masks
    return Batch(x, y, torch.tensor([1]), masks, torch.tensor(0.5), torch.tensor(0), 10)


@pytest.mark.parametrize("name", ["der", "der++"])
def test_its_loss_is_that_of_the_authors_written_out(name: str) -> None:
    trainer = learned(name, memory_batch=6, alpha=0.3)
    strategy = trainer.strategy
    batch = strategy.prepare(a_batch(trainer)).joined()
    raw = strategy.network(batch.x).detach()
    # Classes 0 to 3 are known: only they compete, but all ten logits are compared.
    likelihood = raw[:, :4].log_softmax(1).gather(1, batch.y[:, None]).squeeze(1)
    kept = batch.extras["logits"]
    assert kept.shape == (6, 10)
    expected = -likelihood[:10].mean() + 0.3 * ((raw[10:16] - kept) ** 2).sum() / 60
    if name == "der++":
        assert len(batch.y) == 22
        assert not torch.equal(batch.x[10:16], batch.x[16:]), "the second draw is independent of the first"
        expected = expected - 0.5 * likelihood[16:].mean()
    else:
        assert len(batch.y) == 16
    assert strategy.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_logits_remembered_are_those_before_the_step() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "der", iterations=3, memory=30))
    strategy, prepare = trainer.strategy, trainer.strategy.prepare
    told: dict[bytes, torch.Tensor] = {}

    def watch(batch: Batch) -> Batch:
        network = copy.deepcopy(strategy.network)
        for x, logits in zip(batch.x, network(batch.x).detach(), strict=True):
            told[x.numpy().tobytes()] = logits
        return prepare(batch)

    strategy.prepare = watch  # type: ignore[method-assign]
    trainer.learn(0)
    memory = strategy.memory
    assert len(memory) == 30
    assert memory.logits.isfinite().all(), "nothing is masked"
    for x, logits in zip(memory.x, memory.logits, strict=True):
        assert torch.allclose(told[x.numpy().tobytes()], logits, atol=1e-6)


def test_examples_are_offered_in_every_pass() -> None:
    trainer = learned("der", epochs=3)
    assert int(trainer.strategy.memory.offered) == 3 * sum(len(task.training) for task in trainer.scenario.tasks[:2])


def test_finding_logits_leaves_running_averages_alone_and_is_counted() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "der", network="resnet18:channels=2", memory=5))
    strategy = trainer.strategy.train()
    before = copy.deepcopy(strategy.network.state_dict())
    strategy.prepare(a_batch(trainer))
    assert all(torch.equal(before[name], value) for name, value in strategy.network.state_dict().items())
    assert all(module.training for module in strategy.network.modules())
    assert 5 <= strategy.work.forward <= 10
    assert strategy.work.backward == 0
