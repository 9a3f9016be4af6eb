"""The firewall: a strategy neither reaches nor touches test examples, later tasks, or what it is not told."""

from dataclasses import replace

import pytest
import torch
from support import KINDS, PAIRS, reachable, tiny_spec, trained, trainer_for
from torch import Tensor

from scenarios.examples import Examples
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES
from strategies.strategy import Batch, Strategy


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_no_hook_can_reach_a_test_example_or_a_later_task(name: str, kind: str) -> None:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", name, iterations=3))
    scenario = trainer.scenario
    for task in scenario.tasks[:3]:
        trainer.learn(task.index)
        forbidden: dict[int, str] = {id(scenario): "the scenario"}
        for examples in scenario.test:
            forbidden |= {id(examples): "test examples", id(getattr(examples, "x", examples)): "test inputs"}
        for later in scenario.tasks[task.index + 1 :]:
            forbidden |= {id(later): "a later task", id(later.training): "later examples"}
        for value in [*reachable(trainer.strategy), *reachable(task)]:
            assert id(value) not in forbidden, f"{name} can reach {forbidden[id(value)]}"


class Guarded(Examples):
    """Examples that must not be touched yet."""

    def __init__(self, examples: Examples, what: str) -> None:
        self.examples = examples
        self.what = what
        self.closed = True
        self.task = examples.task

    def __len__(self) -> int:
        return len(self.examples)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        assert not self.closed, f"{self.what} touched"
        return self.examples.batch(indices)

    def digest(self) -> str:
        return self.examples.digest()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_no_hook_touches_test_examples_or_later_tasks(name: str, kind: str) -> None:
    spec = tiny_spec(f"split-digits:{kind}", name, iterations=3)
    scenario = guarded(trainer_for(spec).scenario)
    trainer = trainer_for(spec, scenario)
    for task in scenario.tasks:
        for examples in (task.training, task.validation):
            examples.closed = False  # type: ignore[attr-defined]
        trainer.learn(task.index)


def guarded(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        tasks=tuple(
            replace(
                task,
                training=Guarded(task.training, f"training examples of task {task.index}"),
                validation=Guarded(task.validation, f"validation examples of task {task.index}"),
            )
            for task in scenario.tasks
        ),
        test=tuple(Guarded(examples, "test examples") for examples in scenario.test),
    )


class Oracle(Strategy):
    """Answers with the label of the batch where it is shown one, and notes which tasks it is told."""

    def forward(self, batch: Batch) -> Tensor:
        if self.training:
            return super().forward(batch)
        told.update(batch.task.tolist())
        shown = torch.nn.functional.one_hot(batch.y, batch.masks.shape[1]).float()
        return batch.masked(shown)


told: set[int] = set()


@pytest.mark.parametrize("kind", KINDS)
def test_neither_labels_nor_an_untold_task_reach_a_strategy_that_is_tested(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES._loaded, "naive", Oracle)
    told.clear()
    trainer = trained(f"split-digits:{kind}", "naive", iterations=2)
    accuracy = trainer.outcome.rows[-1].accuracy
    assert sum(accuracy) / 5 == pytest.approx(trainer.scenario.chance, abs=0.05)
    assert told == (set(range(5)) if kind == "task" else {0})
