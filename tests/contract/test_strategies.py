"""The contract of a strategy, over every one that is registered."""

import copy
from functools import cache
from typing import Any

import pytest
import torch
from support import PAIRS, Alone, kinds_of, matrix, reachable, tiny_spec, trained, trainer_for, weights
from torch import Tensor

from benchmark.run import load_scenario
from forgetless.listing import Listed, things
from scenarios.errors import RequestError
from scenarios.options import Option
from strategies.catalogue import STRATEGIES
from strategies.strategy import Batch, Strategy, check_needs, hyperparameters_of, needs_of

NAMES = list(STRATEGIES.entries())
over_pairs = pytest.mark.parametrize(("name", "kind"), PAIRS)
over_names = pytest.mark.parametrize("name", NAMES)


@over_names
def test_it_says_what_it_is_in_one_line(name: str) -> None:
    entry = STRATEGIES.entries()[name]
    assert entry.summary.endswith(".")
    assert issubclass(STRATEGIES.get(name), Strategy)  # type: ignore[arg-type]


SLOWER = {"er-ace": 10, "gdumb": 10, "mir": 10}
"""Passes over each task for strategies that give up some plasticity for stability, where they learn it from a hundred
images a class: only the memory's few examples of a new class tell it from old ones in ER-ACE, MIR rehearses what
contradicts the new task most, and GDumb begins anew with every task."""
LEARNED = {"frozen": 0.8}
"""What a strategy learns at least, where that is less than usual: a bound that cannot learn features."""


@over_pairs
def test_it_learns_and_is_tested_on_all_tasks_after_each(name: str, kind: str) -> None:
    trainer = trained(f"split-digits:{kind}", name, epochs=SLOWER.get(name, 5), network="mlp:100x100", lr=0.05)
    rows = matrix(trainer)
    assert [len(row) for row in rows] == [5] * 6
    learned = [rows[j + 1][j] for j in range(5)]
    assert sum(learned) / 5 > LEARNED.get(name, 0.88), "it does not learn the tasks it is given"
    assert sum(rows[-1]) / 5 <= joint_accuracy(kind) + 0.03, "it is better than training on everything at once"


@cache
def joint_accuracy(kind: str) -> float:
    """Average accuracy of the upper bound after the last task, trained as often on the first as `cumulative` is.

    It begins from the first weights with every task: what it learns before the last one makes no difference.
    """
    spec = tiny_spec(f"split-digits:{kind}", "joint", epochs=25, network="mlp:100x100", lr=0.05)
    trainer = trainer_for(spec.model_copy(update={"epochs": 1}))
    for index in range(4):
        trainer.learn(index)
    trainer.spec = spec
    trainer.learn(4)
    trainer.evaluate_row(4)
    return sum(matrix(trainer)[-1]) / 5


@over_pairs
def test_the_same_seeds_give_the_same_bytes(name: str, kind: str) -> None:
    first, second = (trained(f"split-digits:{kind}", name, iterations=6) for _ in range(2))
    a, b = first.strategy.state_dict(), second.strategy.state_dict()
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)
    for mine, other in zip(first.outcome.rows, second.outcome.rows, strict=True):
        assert mine.predicted.tobytes() == other.predicted.tobytes()
        assert mine.confidence.tobytes() == other.confidence.tobytes()


@over_names
def test_both_seeds_matter(name: str) -> None:
    kind = kinds_of(name)[0]
    spec = tiny_spec(f"split-digits:{kind}", name, iterations=6)
    found = []
    for init, order in ((0, 0), (1, 0), (0, 1)):
        trainer = trainer_for(
            spec.model_copy(update={"seeds": spec.seeds.model_copy(update={"init": init, "order": order})})
        )
        trainer.run()
        found.append(weights(trainer))
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@over_names
def test_all_start_from_the_same_network(name: str) -> None:
    kind = kinds_of(name)[0]
    starts = [trainer_for(tiny_spec(f"split-digits:{kind}", each)) for each in (name, "naive")]
    assert torch.equal(weights(starts[0]), weights(starts[1]))


# Liveness: published libraries have shipped EWC, SI and iCaRL that silently did nothing.


@pytest.mark.parametrize(("name", "kind"), [pair for pair in PAIRS if pair[0] != "naive"])
def test_it_is_not_naive_in_disguise(name: str, kind: str) -> None:
    assert not torch.equal(learned(name, kind)[0], learned("naive", kind)[0])


@cache
def learned(name: str, kind: str, **given: Any) -> tuple[Tensor, bytes]:
    """What comes of some steps: the weights, and the last answers, where a hyper-parameter may matter alone."""
    trainer = trained(f"split-digits:{kind}", name, iterations=30, **given)
    return weights(trainer), trainer.outcome.rows[-1].confidence.tobytes()


def other_values(option: Option) -> list[Any]:
    """Values a hyper-parameter could have besides its default."""
    if option.choices:
        return [value for value in option.choices if value != option.default]
    if isinstance(option.default, bool):
        return [not option.default]
    if isinstance(option.default, int):
        return [option.default * 2 + 1, max(1, option.default // 50)]
    if isinstance(option.default, float):
        return [option.default / 2, option.default * 2]
    if option.default is None:
        return [3]
    raise AssertionError(f"say here what else {option} could be")


def contexts(options: dict[str, Option], leave_out: str) -> list[dict[str, Any]]:
    """The defaults, and each choice of another hyper-parameter: some matter only beside another."""
    found: list[dict[str, Any]] = [{}]
    for name, option in options.items():
        if name != leave_out and option.choices:
            found += [{name: value} for value in option.choices if value != option.default]
    return found


HYPERPARAMETERS = [(name, option) for name in NAMES for option in hyperparameters_of(name)]


@pytest.mark.parametrize(("name", "hyperparameter"), HYPERPARAMETERS)
def test_every_hyperparameter_changes_something(name: str, hyperparameter: str) -> None:
    options, kind = hyperparameters_of(name), kinds_of(name)[-1]
    for context in contexts(options, hyperparameter):
        default = learned(name, kind, **context)
        for value in other_values(options[hyperparameter]):
            try:
                changed = learned(name, kind, **context, **{hyperparameter: value})
            except RequestError:
                continue  # twice the default may be out of its range
            if changed[1] != default[1] or not torch.equal(changed[0], default[0]):
                return
    raise AssertionError(f"{name} is the same whatever {hyperparameter} is")


# Purity: what a step compiled whole, or many seeds trained at once, will rely on.


@over_pairs
def test_loss_forward_and_gradients_are_pure(name: str, kind: str) -> None:
    trainer = trained(f"split-digits:{kind}", name, iterations=6)
    strategy = trainer.strategy.train()
    task = trainer.scenario.tasks[-1]
    x, y = task.training.batch(torch.arange(12))
    batch = Batch(x, y, torch.tensor([task.index]), strategy.masks, torch.tensor(0.5), torch.tensor(0), 12)
    batch = strategy.prepare(batch).joined()
    before = copy.deepcopy(strategy.state_dict())
    inputs = [tensor.clone() for tensor in batch[:5]]
    own, everyones = strategy.generator.get_state(), torch.get_rng_state()

    def once() -> list[Tensor]:
        strategy.zero_grad()
        loss = strategy.loss(batch)
        loss.backward()
        gradients = {key: p.grad for key, p in strategy.named_parameters() if p.grad is not None}
        given = {key: gradient.clone() for key, gradient in gradients.items()}
        adjusted = strategy.adjust_gradients(gradients, batch)
        assert gradients.keys() == adjusted.keys() == given.keys()
        assert all(torch.equal(gradients[key], given[key]) for key in given), "it changed what it was given"
        return [loss.detach(), strategy(batch).detach(), *adjusted.values()]

    with_grad = torch.enable_grad()
    with with_grad:
        first, second = once(), once()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    after = strategy.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(torch.equal(a, b) for a, b in zip(inputs, batch[:5], strict=True))
    assert torch.equal(own, strategy.generator.get_state())
    assert torch.equal(everyones, torch.get_rng_state())


@over_pairs
def test_learning_never_draws_from_the_global_generator(name: str, kind: str) -> None:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", name, iterations=4))
    before = torch.get_rng_state()
    for task in trainer.scenario.tasks[:2]:
        trainer.learn(task.index)
    assert torch.equal(before, torch.get_rng_state())


@over_pairs
def test_inactive_classes_are_masked(name: str, kind: str) -> None:
    trainer = trained(f"split-digits:{kind}", name, iterations=4)
    strategy, scenario = trainer.strategy.eval(), trainer.scenario
    masks = scenario.masks(2)
    x, y = scenario.tasks[1].training.batch(torch.arange(5))
    logits = strategy(Batch(x, y, torch.tensor([1]), masks, torch.tensor(1.0), torch.tensor(0), 5))
    assert torch.equal(logits.isneginf(), ~masks[1].expand(5, -1))
    assert logits[:, masks[1]].isfinite().all()


@over_pairs
def test_what_it_remembers_is_in_its_state(name: str, kind: str) -> None:
    trainer = trained(f"split-digits:{kind}", name, iterations=4)
    state = trainer.strategy.state_dict()
    remembered = sum(value.nbytes for key, value in state.items() if not key.startswith("network."))
    assert trainer.outcome.costs[-1].bytes_remembered == remembered
    known = {tensor.data_ptr() for tensor in state.values()} | {trainer.strategy.masks.data_ptr()}
    for value in reachable(trainer.strategy):
        if isinstance(value, Tensor) and value.numel() > 1 and not value.requires_grad:
            assert value.data_ptr() in known, "it keeps a tensor that is neither parameter nor buffer"


@over_names
def test_what_it_needs_and_cannot_have_is_refused_in_one_line(name: str) -> None:
    if "task at test time" in needs_of(name):
        with pytest.raises(RequestError, match=r"^[^\n]*kind 'task'$"):
            check_needs(name, load_scenario("split-digits:class", None, None))
    if "fresh optimiser" in needs_of(name):
        with pytest.raises(RequestError, match=r"^[^\n]*--carry-optimizer$"):
            check_needs(name, load_scenario("split-digits:task", None, None), carry_optimizer=True)
    check_needs(name, load_scenario("split-digits:task", None, None))


# Limits.


LIMITS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"strength": 0.0}) for name in ("ewc", "l2", "lwf", "mas", "online-ewc", "rwalk", "si")),
    *((name, {"memory": 0}) for name in ("a-gem", "der", "der++", "gem", "mir", "rehearsal")),
    ("xdg", {"share": 0.0}),
]


@cache
def naive_on(scenario: str) -> Alone:
    """Plain fine-tuning, which is looked at alone."""
    return trained(scenario, "naive", iterations=20)


@pytest.mark.parametrize(
    ("name", "limit", "kind"), [(name, limit, kind) for name, limit in LIMITS for kind in kinds_of(name)]
)
def test_at_its_limit_it_is_naive_bit_for_bit(name: str, limit: dict[str, Any], kind: str) -> None:
    mine, naive = trained(f"split-digits:{kind}", name, iterations=20, **limit), naive_on(f"split-digits:{kind}")
    assert torch.equal(weights(mine), weights(naive))
    assert matrix(mine) == matrix(naive)
    for a, b in zip(mine.outcome.rows, naive.outcome.rows, strict=True):
        assert a.confidence.tobytes() == b.confidence.tobytes()


ONE_TASK_IS_NAIVE: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {})
        for name in ("a-gem", "cumulative", "dgr", "ewc", "frozen", "gem", "joint", "l2", "lwf", "mas", "mir")
    ),
    *((name, {}) for name in ("online-ewc", "rwalk", "si")),
    ("bi-r", {"generative": 0.0}),  # its generator trains the network too
]


@pytest.mark.parametrize(("name", "settings"), ONE_TASK_IS_NAIVE)
def test_with_one_task_it_is_naive(name: str, settings: dict[str, Any]) -> None:
    mine = trained("split-digits:class,tasks=1", name, iterations=20, **settings)
    naive = naive_on("split-digits:class,tasks=1")
    assert torch.equal(weights(mine), weights(naive))


@over_names
def test_what_the_list_says_is_what_the_class_has(name: str) -> None:
    """`forgetless list` reads sources without importing them: it must not miss what a class inherits."""
    (listed,) = (item for item in things(Listed.strategies) if item["name"] == name)
    kind = STRATEGIES.get(name)
    assert listed["paper"] == kind.paper  # type: ignore[attr-defined]
    assert set(listed["needs"]) == needs_of(name)
    assert listed["kinds"] == kinds_of(name)
    assert list(listed["options"]) == list(hyperparameters_of(name))
