"""Brain-inspired replay: its loss written out the long way, its gates, and what it dreams."""

import math
from typing import Any

import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch import Tensor
from torch.nn.functional import one_hot

from strategies.bi_r import BIR
from strategies.feedback import Feedback
from strategies.strategy import Batch


def learned(kind: str, tasks: int, **fields: Any) -> tuple[Alone, BIR, Batch]:
    """A run that has learned some tasks, and a batch of the next, whose classes have come."""
    fields = {"iterations": 25, "hidden": 30, "latent": 5, "gated": 0.4, **fields}
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "bi-r", **fields))
    for index in range(tasks):
        trainer.learn(index)
    strategy = trainer.strategy
    assert isinstance(strategy, BIR)
    task = trainer.scenario.tasks[tasks]
    strategy.masks = trainer.scenario.masks(tasks)
    strategy.masks[tasks + 1 :] = False
    if tasks == 0:
        strategy.start_task(task)
    x, y = task.training.batch(torch.arange(8))
    batch = Batch(x, y, torch.tensor([tasks]), strategy.masks, torch.tensor(0.5), torch.tensor(0), 8)
    return trainer, strategy.train(), strategy.prepare(batch)


def probabilities(logits: Tensor, among: list[int], temperature: float = 1.0) -> dict[int, float]:
    values = {c: math.exp(float(logits[c]) / temperature) for c in among}
    return {c: value / sum(values.values()) for c, value in values.items()}


def normal(z: list[float], mean: list[float], variance: list[float]) -> float:
    """The density N(z; μ, σ²), in full."""
    factors = (
        math.exp(-((a - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
        for a, m, v in zip(z, mean, variance, strict=True)
    )
    return math.prod(factors)


def generators_loss(strategy: BIR, x: Tensor, p: dict[int, float], task: int, noise: Tensor) -> float:
    """−log p(x|z) + log q(z|h) − log p(z) of one input, by pixel; layer by layer, mode by mode."""
    features = strategy.network.features(x[None])
    mean, variance = strategy.mean(features)[0].tolist(), strategy.log_variance(features)[0].exp().tolist()
    z = [m + math.sqrt(v) * e for m, v, e in zip(mean, variance, noise.tolist(), strict=True)]
    hidden, feedback = torch.tensor(z), strategy.feedback
    for layer, linear in enumerate(feedback.hidden):
        if len(strategy.task_gates):
            gates = strategy.task_gates[task, layer].float()
        else:
            gates = sum((p[c] * strategy.class_gates[c, layer].float() for c in p), torch.zeros(30))
        hidden = torch.relu(gates * linear(hidden))
    on = feedback.pixels(hidden).sigmoid().tolist()
    loss = -sum(v * math.log(q) + (1 - v) * math.log(1 - q) for v, q in zip(x.flatten().tolist(), on, strict=True))
    if strategy.conditional:
        means, variances = feedback.means.tolist(), feedback.log_variances.exp().tolist()
        prior = sum(p[c] * normal(z, means[c], variances[c]) for c in p)
        loss += math.log(normal(z, mean, variance)) - math.log(prior)
    else:  # as Kingma & Welling 2014 have it, appendix B
        loss -= 0.5 * sum(1 + math.log(v) - m**2 - v for m, v in zip(mean, variance, strict=True))
    return loss / x.numel()


# After two tasks: the classes among which the old network answers a dream of a task, and those among which the
# network does now.
HEADS = {
    "task": [([0, 1], [0, 1]), ([2, 3], [2, 3])],
    "domain": [([0, 1], [0, 1])] * 2,
    "class": [([0, 1, 2, 3], [0, 1, 2, 3, 4, 5])] * 2,
    "class,active=all": [(list(range(10)), list(range(10)))] * 2,
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"targets": "hard"},
    {"conditional": False},
    {"gated": 0.0},
    {"generative": 0.3},
]


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("options", OPTIONS)
@torch.no_grad()
def test_the_loss_is_that_of_the_paper_written_out(kind: str, options: dict[str, Any]) -> None:
    with torch.enable_grad():
        _, strategy, batch = learned(kind, 2, temperature=3.0, **options)
    noise, dreams, tasks = (batch.extras[name] for name in ("noise", "dreams", "tasks"))
    assert set(tasks.tolist()) <= {0, 1}
    fresh, replayed = 0.0, 0.0
    for row in range(8):
        x, y = batch.x[row].float() / 255, int(batch.y[row])
        among = [c for c in range(strategy.masks.shape[1]) if strategy.masks[2, c]]
        fresh -= math.log(probabilities(strategy.network(x[None])[0], among)[y])
        fresh += strategy.generative * generators_loss(strategy, x, {y: 1.0}, 2, noise[row])
    for row in range(8):
        x, task = dreams[row], int(tasks[row])
        old, now = HEADS[kind][task]
        answer, logits = strategy.old_network(x[None])[0], strategy.network(x[None])[0]
        if strategy.targets == "hard":
            p, given = {max(old, key=lambda c: float(answer[c])): 1.0}, probabilities(logits, now)
        else:
            p, given = probabilities(answer, old, 3.0), probabilities(logits, now, 3.0)
        replayed -= sum(p[c] * math.log(given[c]) for c in p)
        replayed += strategy.generative * generators_loss(strategy, x, p, task, noise[8 + row])
    expected = fresh / 8 / 3 + replayed / 8 * 2 / 3
    assert strategy.loss(batch).item() == pytest.approx(expected, rel=1e-4)


def test_in_the_first_task_there_is_nothing_to_replay() -> None:
    _, strategy, batch = learned("class", 0)
    assert set(batch.extras) == {"noise", "beliefs", "gates"}
    expected = torch.nn.functional.cross_entropy(strategy(batch), batch.y).item()
    with torch.no_grad():
        for x, y, noise in zip(batch.x.float() / 255, batch.y.tolist(), batch.extras["noise"], strict=True):
            expected += generators_loss(strategy, x, {y: 1.0}, 0, noise) / 8
    assert strategy.loss(batch).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("conditional", [True, False])
@torch.no_grad()
def test_a_dream_is_what_the_old_feedback_makes_of_a_code_of_its_class(conditional: bool) -> None:
    with torch.enable_grad():
        _, strategy, _ = learned("class", 2, conditional=conditional)
    for parameter in strategy.feedback.parameters():
        parameter.zero_()  # what learns on is not asked
    state = strategy.generator.get_state()
    dreams = strategy.dream(torch.tensor([0, 1]), torch.tensor([1, 2]))
    strategy.generator.set_state(state)
    noise, feedback = torch.randn(2, 5, generator=strategy.generator), strategy.old_feedback
    for dream, e, c in zip(dreams, noise, (1, 2), strict=True):
        hidden = feedback.means[c] + feedback.log_variances[c].exp().sqrt() * e if conditional else e
        for layer, linear in enumerate(feedback.hidden):
            hidden = torch.relu(linear(hidden) * strategy.class_gates[c, layer])
        assert torch.allclose(dream.flatten(), torch.sigmoid(feedback.pixels(hidden)), atol=1e-6)


@pytest.mark.parametrize(("kind", "pairs"), [("task", 4), ("domain", 4), ("class", 4)])
def test_dreams_are_of_every_earlier_class_of_every_earlier_task_alike(kind: str, pairs: int) -> None:
    _, strategy, batch = learned(kind, 2, conditional=False)
    found: list[tuple[int, int]] = []

    def noted(tasks: Tensor, classes: Tensor) -> Tensor:
        found.extend(zip(tasks.tolist(), classes.tolist(), strict=True))
        return torch.zeros(len(tasks), *strategy.network.input_shape)

    strategy.dream = noted  # type: ignore[method-assign]
    for _ in range(100):
        strategy.prepare(batch)
    expected = [(0, 0), (0, 1), *([(1, 0), (1, 1)] if kind == "domain" else [(1, 2), (1, 3)])]
    assert sorted(set(found)) == expected
    assert len(expected) == pairs
    assert all(abs(found.count(pair) - 200) < 50 for pair in expected)  # 4 standard deviations


def test_gates_are_of_classes_or_of_tasks_where_these_share_their_classes() -> None:
    _, strategy, batch = learned("class", 1, hidden=400, gated=0.3)
    assert strategy.class_gates.shape == (10, 2, 400)
    assert strategy.task_gates.shape == (0, 2, 400)
    shut = 1 - strategy.class_gates.float().mean((1, 2))
    assert (shut - 0.3).abs().max() < 0.08
    assert len({tuple(gates.flatten().tolist()) for gates in strategy.class_gates}) == 10
    assert torch.equal(batch.extras["gates"][0], strategy.class_gates[batch.y[0]].float())
    _, strategy, batch = learned("domain", 1, hidden=400, gated=0.3)
    assert strategy.task_gates.shape == (5, 2, 400)
    assert strategy.class_gates.shape == (0, 2, 400)
    assert torch.equal(batch.extras["gates"][:8], strategy.task_gates[1].float().expand(8, 2, 400))
    assert torch.equal(batch.extras["gates"][8:], strategy.task_gates[0].float().expand(8, 2, 400))


def test_gates_last_and_copies_are_those_of_the_last_task_s_end() -> None:
    trainer, strategy, _ = learned("class", 0)
    trainer.learn(0)
    for own, old in ((strategy.network, strategy.old_network), (strategy.feedback, strategy.old_feedback)):
        assert all(torch.equal(value, old.state_dict()[name]) for name, value in own.state_dict().items())
    gates, means = strategy.class_gates.clone(), strategy.old_feedback.means.clone()
    trainer.learn(1)
    assert torch.equal(gates, strategy.class_gates)
    assert torch.equal(strategy.old_feedback.means, strategy.feedback.means)
    assert not torch.equal(means, strategy.old_feedback.means)


def test_copies_stay_while_a_task_is_learned() -> None:
    trainer, strategy, batch = learned("class", 1)
    before = {name: value.clone() for name, value in strategy.state_dict().items()}
    trainer.stepper.start_task()
    trainer.stepper(batch)
    after = strategy.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"network", "mean", "log_variance", "feedback"}


def test_the_encoder_is_the_network_and_learns_from_what_it_decodes() -> None:
    _, strategy, batch = learned("class", 0)
    strategy.dreaming(batch, batch.x, strategy.network.features(batch.x)).mean().backward()
    named = dict(strategy.network.named_parameters())
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in named.items() if name.startswith("hidden"))
    assert named["output.weight"].grad is None


def test_the_old_network_answers_without_dropout() -> None:
    _, strategy, batch = learned("class", 1, network="mlp:24x16,dropout=0.5")
    answers = strategy.old_network.eval()(batch.extras["dreams"])[:, :2]
    assert torch.allclose(batch.extras["beliefs"][8:, :2], (answers / 2).softmax(1))
    assert batch.extras["beliefs"][8:, 2:].count_nonzero() == 0


@torch.no_grad()
def test_the_prior_of_a_known_class_is_its_mode_however_far_the_others() -> None:
    torch.manual_seed(0)
    feedback = Feedback((2, 3), 3, 7, 4)
    feedback.means[1:] += 1000
    code = torch.randn(1, 4)
    log_prior = feedback.log_prior(code, one_hot(torch.tensor([0]), 3).float())
    mean, variance = feedback.means[0].tolist(), feedback.log_variances[0].exp().tolist()
    expected = math.log(normal(code[0].tolist(), mean, variance)) + 2 * math.log(2 * math.pi)
    assert float(log_prior) == pytest.approx(expected, rel=1e-5)


def test_what_it_grows_by_is_what_it_foresees() -> None:
    for kind in ("task", "domain", "class"):
        trainer, strategy, _ = learned(kind, 0)
        fresh = trainer_for(tiny_spec(f"split-digits:{kind}", "bi-r", hidden=30, latent=5)).strategy
        trainer.learn(0)
        sets = sum(len(task.classes) for task in trainer.scenario.tasks)
        assert strategy.bytes_remembered() == fresh.bytes_remembered() + fresh.growth(5, sets)


def test_dreams_look_like_their_class_and_keep_it_from_being_forgotten() -> None:
    fields = {"optimizer": "adam", "lr": 0.003, "iterations": 300, "batch_size": 64, "network": "mlp:100x100"}
    own = {"hidden": 100, "latent": 10, "gated": 0.1}
    trainer, strategy, _ = learned("class", 1, **fields, **own)
    task = trainer.scenario.tasks[0]
    x, y = task.training.batch(torch.arange(len(task.training)))
    means = torch.stack([(x[y == c].float() / 255).mean(0) for c in (0, 1)])
    dreams = [strategy.dream(torch.zeros(300, dtype=torch.long), torch.full((300,), c)) for c in (0, 1)]
    for c in (0, 1):
        assert (dreams[c].mean(0) - means[c]).abs().mean() < 0.06
        assert (dreams[c].mean(0) - means[1 - c]).abs().mean() > 0.12
    final = {}
    for name, given in (("bi-r", own), ("naive", {})):
        trainer = trainer_for(tiny_spec("split-digits:class,tasks=2", name, **fields, **given))
        trainer.run()
        final[name] = trainer.outcome.rows[-1].accuracy[0]
    assert final["naive"] is not None
    assert final["bi-r"] is not None
    assert final["naive"] < 0.1
    assert final["bi-r"] > 0.5
