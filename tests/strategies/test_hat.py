"""Hard attention to the task: the formulas of the paper, and what they promise."""

import math

import pytest
import torch
from support import tiny_spec, trained, trainer_for
from torch import Tensor

from scenarios.task import Scenario
from strategies.hat import HAT
from strategies.strategy import Batch


def batch_of(scenario: Scenario, task: int, progress: float = 1.0, size: int = 20) -> Batch:
    x, y = scenario.tasks[task].training.batch(torch.arange(size))
    return Batch(x, y, torch.tensor([task]), scenario.masks(task), torch.tensor(progress), torch.tensor(0), size)


def saturated() -> tuple[HAT, Scenario, torch.Tensor]:
    """A strategy that has learned task 1 of two hidden layers with gates that are exactly 0 or 1."""
    trainer = trainer_for(tiny_spec("split-digits:task", "hat", iterations=60, lr=0.05, network="mlp:40x30"))
    strategy = trainer.strategy
    assert isinstance(strategy, HAT)
    trainer.learn(0)
    with torch.no_grad():
        for layer, embedding in enumerate(strategy.embeddings):
            embedding.copy_(torch.where(torch.arange(embedding.shape[1]) % 2 == 0, 6.0, -6.0))
            attended = strategy.get_buffer(f"attended_{layer}")
            attended.copy_(torch.sigmoid(strategy.smax * embedding[0]))
            assert set(attended.unique().tolist()) == {0.0, 1.0}
    strategy.eval()
    answers = strategy(batch_of(trainer.scenario, 0)).detach()
    strategy.train()
    trainer.learn(1)
    return strategy, trainer.scenario, answers


def test_a_weight_between_attended_units_does_not_move_and_the_task_is_answered_as_before() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "hat", iterations=60, lr=0.05, network="mlp:40x30"))
    trainer.learn(0)
    strategy, scenario, answers = saturated()
    fresh = trainer.strategy.network  # the same first task, before the second
    for name, (writes, reads) in strategy.network.connections.items():
        attended = strategy.get_buffer(f"attended_{writes}")
        before, after = fresh.get_parameter(name), strategy.network.get_parameter(name)
        kept = (torch.arange(len(attended)) % 2 == 0).reshape(-1, *[1] * (before.ndim - 1)).expand_as(before)
        if reads is not None:
            kept = kept & (torch.arange(before.shape[1]) % 2 == 0)
        assert torch.equal(before[kept], after[kept]), f"{name} moved where task 1 needs it"
        assert not torch.equal(before[~kept], after[~kept]), f"{name} learned nothing of task 2"
    strategy.eval()
    again = strategy(batch_of(scenario, 0))
    active = scenario.masks(0)[0]
    assert torch.allclose(again[:, active], answers[:, active], atol=1e-6, rtol=0)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adam"}])
def test_neither_momentum_nor_weight_decay_moves_what_is_attended(optimizer: dict[str, object], decay: float) -> None:
    spec = tiny_spec("split-digits:task", "hat", iterations=20, lr=0.01, weight_decay=decay, **optimizer)
    trainer = trainer_for(spec)
    strategy = trainer.strategy
    trainer.learn(0)
    for layer in range(2):
        strategy.get_buffer(f"attended_{layer}").fill_(1.0)
    before = {name: strategy.network.get_parameter(name).clone() for name in strategy.network.connections}
    trainer.learn(1)
    assert all(torch.equal(value, strategy.network.get_parameter(name)) for name, value in before.items())


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_weight_decay_leaves_the_embeddings_of_earlier_tasks_alone(optimizer: str) -> None:
    spec = tiny_spec("split-digits:task", "hat", iterations=21, lr=0.01, weight_decay=0.01, optimizer=optimizer)
    trainer = trainer_for(spec)
    trainer.learn(0)
    before = [embedding.detach().clone() for embedding in trainer.strategy.embeddings]
    trainer.learn(1)
    for layer, (old, new) in enumerate(zip(before, trainer.strategy.embeddings, strict=True)):
        assert torch.equal(old, trainer.strategy.earlier(layer))
        assert not torch.equal(old, new)


def test_without_protection_the_same_weights_do_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HAT, "protection", lambda self, shapes: iter(()))
    with pytest.raises(AssertionError, match="moved where task 1 needs it"):
        test_a_weight_between_attended_units_does_not_move_and_the_task_is_answered_as_before()


def fresh_hat(**hyperparameters: float) -> tuple[HAT, Scenario]:
    trainer = trainer_for(tiny_spec("split-digits:task", "hat", **hyperparameters))
    assert isinstance(trainer.strategy, HAT)
    return trainer.strategy, trainer.scenario


def test_the_scale_grows_within_a_pass_as_equation_3_says() -> None:
    strategy, scenario = fresh_hat(smax=400)
    strategy.train()
    batches = 7
    for i in range(1, batches + 1):
        s = 1 / 400 + (400 - 1 / 400) * (i - 1) / (batches - 1)
        at = batch_of(scenario, 0, progress=(i - 1) / (batches - 1))
        assert float(strategy.scale(at)) == pytest.approx(s, rel=1e-6)
    strategy.eval()
    assert float(strategy.scale(batch_of(scenario, 0, progress=0.0))) == 400


def test_progress_runs_from_0_to_1_in_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, float]] = []

    def watch(self: HAT, batch: Batch) -> Batch:
        seen.append((int(batch.epoch), float(batch.progress)))
        return batch

    monkeypatch.setattr(HAT, "prepare", watch)
    trainer = trainer_for(tiny_spec("split-digits:task,tasks=2", "hat", iterations=150))
    trainer.learn(0)
    a_pass = math.ceil(len(trainer.scenario.tasks[0].training) / 10)
    first = [progress for epoch, progress in seen if epoch == 0]
    last = [progress for epoch, progress in seen if epoch == 2]
    assert len(first) == a_pass
    assert len(last) == 150 - 2 * a_pass, "the budget ends within the third pass"
    for one in (first, last):
        assert one[0] == 0
        assert one[-1] == 1
        assert one == sorted(one)


def test_the_regulariser_counts_only_free_units() -> None:
    strategy, _ = fresh_hat()
    attended = strategy.attended()
    attended[0].copy_(torch.linspace(0, 1, len(attended[0])))
    attended[1].fill_(0.25)
    gates = [torch.rand(1, len(each)) for each in attended]
    taken = sum(float((gate[0] * (1 - each)).sum()) for gate, each in zip(gates, attended, strict=True))
    free = sum(float((1 - each).sum()) for each in attended)
    assert float(strategy.occupation(gates)) == pytest.approx(taken / free, rel=1e-6)


def test_gradients_are_damped_and_compensated_as_equations_2_and_4_say() -> None:
    strategy, scenario = fresh_hat(smax=50)
    strategy.train()
    attended = strategy.attended()
    for each in attended:
        each.copy_(torch.rand(len(each)))
    batch = batch_of(scenario, 0, progress=0.3)
    gradients = {name: torch.randn_like(value) for name, value in strategy.named_parameters()}
    adjusted = strategy.adjust_gradients(gradients, batch)
    s = 1 / 50 + (50 - 1 / 50) * 0.3

    def close(name: str, factor: Tensor) -> None:
        assert torch.allclose(adjusted[name], gradients[name] * factor, rtol=1e-4), name

    first, second = attended
    close("network.hidden.0.weight", 1 - first[:, None])
    close("network.hidden.0.bias", 1 - first)
    close("network.hidden.1.weight", 1 - torch.minimum(second[:, None], first[None, :]))
    close("network.hidden.1.bias", 1 - second)
    close("network.output.weight", torch.ones(()))
    for layer, embedding in enumerate(strategy.embeddings):
        e = embedding.detach()
        factor = 50 * ((s * e).clamp(-50, 50).cosh() + 1) / (s * (e.cosh() + 1))
        close(f"embeddings.{layer}", factor)


def test_embeddings_stay_within_6_and_start_normal() -> None:
    trainer = trained("split-digits:task", "hat", iterations=30, lr=1.0, network="mlp:400x400")
    for layer, embedding in enumerate(trainer.strategy.embeddings):
        every = torch.cat([trainer.strategy.earlier(layer), embedding])
        assert every.shape == (5, 400)
        assert every.abs().max() == 6
    untrained = trainer_for(tiny_spec("split-digits:task", "hat", network="mlp:2000x2000")).strategy
    drawn = torch.cat([embedding.detach().flatten() for embedding in untrained.embeddings])
    assert abs(float(drawn.mean())) < 0.1
    assert abs(float(drawn.std()) - 1) < 0.1


def test_attention_accumulates_by_the_larger() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "hat", iterations=30))
    previous = [each.clone() for each in trainer.strategy.attended()]
    for task in trainer.scenario.tasks:
        trainer.learn(task.index)
        gates = trainer.strategy.eval().gates(batch_of(trainer.scenario, task.index))
        now = trainer.strategy.attended()
        for before, gate, after in zip(previous, gates, now, strict=True):
            assert torch.equal(after, torch.maximum(before, gate[0].detach()))
        previous = [each.clone() for each in now]


def test_it_keeps_what_it_learned_and_naive_does_not() -> None:
    for name, forgotten in (("hat", False), ("naive", True)):
        trainer = trained("split-digits:task", name, epochs=10, lr=0.05, network="mlp:200x200")
        rows = [row.accuracy for row in trainer.outcome.rows]
        drops = [rows[j + 1][j] - rows[5][j] for j in range(4)]
        assert (max(drops) > 0.02) == forgotten, f"{name}: {drops}"
