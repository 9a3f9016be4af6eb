"""Deep generative replay: its losses written out the long way, and what it dreams."""

import math
from typing import Any

import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch import Tensor

from strategies.dgr import DGR
from strategies.dreamer import Dreamer
from strategies.strategy import Batch


def learned(kind: str, tasks: int, **fields: Any) -> tuple[Alone, DGR, Batch]:
    """A run that has learned some tasks, and a batch of the next, whose classes have come."""
    fields = {"iterations": 25, "hidden": 30, "latent": 5, **fields}
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "dgr", **fields))
    for index in range(tasks):
        trainer.learn(index)
    strategy = trainer.strategy
    assert isinstance(strategy, DGR)
    x, y = trainer.scenario.tasks[tasks].training.batch(torch.arange(8))
    strategy.masks = trainer.scenario.masks(tasks)
    strategy.masks[tasks + 1 :] = False
    batch = Batch(x, y, torch.tensor([tasks]), strategy.masks, torch.tensor(0.5), torch.tensor(0), 8)
    return trainer, strategy.train(), strategy.prepare(batch)


def log_likelihoods(logits: Tensor, classes: list[int], temperature: float = 1.0) -> dict[int, float]:
    values = {c: float(logits[c]) / temperature for c in classes}
    total = math.log(sum(math.exp(value) for value in values.values()))
    return {c: value - total for c, value in values.items()}


# The classes among which the old solver answers, and those among which the network does, after two tasks.
HEADS = {
    "task": [([0, 1], [0, 1]), ([2, 3], [2, 3])],
    "domain": [([0, 1], [0, 1])],
    "class": [([0, 1, 2, 3], [0, 1, 2, 3, 4, 5])],
    "class,active=all": [(list(range(10)), list(range(10)))],
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("targets", ["hard", "soft"])
def test_the_loss_is_that_of_the_paper_written_out(kind: str, targets: str) -> None:
    _, strategy, batch = learned(kind, 2, targets=targets, temperature=3.0)
    dreams, answers, noise = (batch.extras[name] for name in ("dreams", "answers", "noise"))
    assert dreams.shape == batch.x.shape
    assert torch.equal(answers, strategy.old_solver(dreams))
    x = batch.x.float() / 255
    current = torch.nn.functional.cross_entropy(strategy(batch), batch.y).item()
    replayed = []
    logits = strategy.network(dreams).detach()
    for old_head, head in HEADS[kind]:
        for answer, logit in zip(answers, logits, strict=True):
            if targets == "hard":
                label = max(old_head, key=lambda c: float(answer[c]))
                replayed.append(-log_likelihoods(logit, head)[label])
            else:
                taught, mine = log_likelihoods(answer, old_head, 3.0), log_likelihoods(logit, head, 3.0)
                replayed.append(-sum(math.exp(taught[c]) * mine[c] for c in old_head))
    errors = strategy.dreamer.loss(torch.cat([x, dreams]), noise).detach()
    solving = current / 3 + sum(replayed) / len(replayed) * 2 / 3
    dreaming = errors[:8].mean() / 3 + errors[8:].mean() * 2 / 3
    assert strategy.loss(batch).item() == pytest.approx(float(solving + dreaming), rel=1e-5)


@torch.no_grad()
def test_the_generator_s_loss_is_the_negative_lower_bound_per_pixel() -> None:
    torch.manual_seed(0)
    dreamer = Dreamer((2, 3), 7, 4)
    x, noise = torch.rand(1, 2, 3), torch.randn(1, 4)
    code = dreamer.encoder(x.flatten(1))
    mean, variance = dreamer.mean(code)[0], dreamer.log_variance(code)[0].exp()
    pixels = dreamer.decode((mean + variance.sqrt() * noise[0])[None]).sigmoid()[0]
    total = 0.0
    for value, probability in zip(x.flatten().tolist(), pixels.tolist(), strict=True):
        total -= value * math.log(probability) + (1 - value) * math.log(1 - probability)
    for m, v in zip(mean.tolist(), variance.tolist(), strict=True):
        total += 0.5 * (m**2 + v - 1 - math.log(v))
    assert float(dreamer.loss(x, noise)) == pytest.approx(total / 6, rel=1e-5)


def test_the_first_task_has_no_dreams_and_copies_are_those_of_the_last_task_s_end() -> None:
    trainer, strategy, batch = learned("class", 0)
    assert set(batch.extras) == {"noise"}
    trainer.learn(0)
    own, old = strategy.network.state_dict(), strategy.old_solver.state_dict()
    assert all(torch.equal(own[name], old[name]) for name in own)
    kept = {name: value.clone() for name, value in strategy.old_dreamer.state_dict().items()}
    trainer.strategy.masks = trainer.scenario.masks(1)
    trainer.stepper.start_task()
    x, y = trainer.scenario.tasks[1].training.batch(torch.arange(8))
    trainer.stepper(strategy.prepare(batch._replace(x=x, y=y)))
    assert all(torch.equal(value, strategy.old_dreamer.state_dict()[name]) for name, value in kept.items())
    assert not torch.equal(kept["decode.0.weight"], strategy.dreamer.state_dict()["decode.0.weight"])


def test_the_old_solver_answers_without_dropout() -> None:
    _, strategy, batch = learned("class", 1, network="mlp:24x16,dropout=0.5")
    assert torch.equal(batch.extras["answers"], strategy.old_solver.eval()(batch.extras["dreams"]))


def test_dreams_come_to_look_like_what_was_seen_and_keep_the_class_from_being_forgotten() -> None:
    fields = {"optimizer": "adam", "lr": 0.003, "iterations": 300, "batch_size": 64, "network": "mlp:100x100"}
    final = {}
    for name, own in (("dgr", {"hidden": 100, "latent": 10}), ("naive", {})):
        trainer = trainer_for(tiny_spec("split-digits:class,tasks=2", name, **fields, **own))
        trainer.run()
        final[name] = trainer.outcome.rows[-1].accuracy[0]
    assert final["naive"] is not None
    assert final["dgr"] is not None
    assert final["naive"] < 0.1
    assert final["dgr"] > 0.5
    _, strategy, _ = learned("class", 1, **{**fields, "network": "mlp:24x16", "hidden": 100, "latent": 10})
    trainer, _, _ = learned("class", 0)
    x, _ = trainer.scenario.tasks[0].training.batch(torch.arange(len(trainer.scenario.tasks[0].training)))
    seen = (x.float() / 255).mean(0)
    dreams = strategy.old_dreamer.decode(strategy.draw(500)).sigmoid().view(500, *seen.shape)
    assert (dreams.mean(0) - seen).abs().mean() < 0.05
    assert ((dreams - seen).abs().mean(0)).mean() > 0.03, "it dreams of more than the mean"
