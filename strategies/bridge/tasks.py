"""Our tasks as Avalanche's experiences, and its steps as ours."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.benchmarks.scenarios.generic_scenario import CLExperience
from avalanche.benchmarks.utils.classification_dataset import _make_taskaware_classification_dataset
from avalanche.core import SupervisedPlugin

from scenarios.bridge.rows import Rows
from scenarios.task import Task
from strategies.foreign import Stepped


class Experience(CLExperience):
    """A task as an experience of Avalanche's, which knows the classes of tasks so far.

    Args:
        task: whose training examples.
        seen: the classes of tasks so far, this one included.
        outputs: of the network.
        told: whether it has a task label of its own.
    """

    def __init__(self, task: Task, seen: Sequence[Sequence[int]], outputs: int, *, told: bool) -> None:
        super().__init__(current_experience=task.index, origin_stream=None)
        label = task.index if told else 0
        rows = Rows(task.training)
        earlier = {number for classes in seen[:-1] for number in classes}
        own = sorted(set(rows.targets))
        sizes = [len(classes) for classes in seen]
        self.dataset = _make_taskaware_classification_dataset(rows, targets=rows.targets, task_labels=label)
        self.task_label = label
        self.task_labels = [label]
        self.classes_in_this_experience = own
        self.previous_classes = sorted(earlier)
        self.classes_seen_so_far = sorted(earlier | set(own))
        self.future_classes: list[int] = []
        self.benchmark = SimpleNamespace(
            n_classes_per_exp=[*sizes, max(0, outputs - sum(sizes))],
            classes_order=[number for classes in seen for number in classes],
        )
        self.origin_stream = SimpleNamespace(name="train", benchmark=self.benchmark)


class Question(CLExperience):
    """What is asked in an evaluation, without any data."""

    def __init__(self) -> None:
        super().__init__(current_experience=0, origin_stream=None)
        self.task_labels = [0]


class Reporter(SupervisedPlugin):
    """Tells the loss of every step, and stops after as many as a budget in iterations has.

    Attributes:
        stepped: told the loss.
        left: steps of the budget that are left; None where it counts passes.
    """

    supports_distributed = False

    def __init__(self) -> None:
        super().__init__()
        self.stepped: Stepped | None = None
        self.left: int | None = None

    def after_training_iteration(self, strategy: Any, **_: Any) -> None:
        if self.stepped is None:
            return
        self.stepped(torch.as_tensor(strategy.loss).detach().reshape(-1)[0])
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                strategy.stop_training()
