"""The one loop that trains every strategy on every scenario."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.checkpoint import Checkpoint, Position
from benchmark.evaluation import Evaluation, evaluate, mean_loss
from benchmark.interruption import Interruption
from benchmark.observers.observer import Observer, Step
from benchmark.optimization import Plateau, build_optimizer
from benchmark.randomness import generator_for, global_seed
from benchmark.record import AnytimeRow, TaskCosts
from benchmark.resuming import checkpoint_of, restore, restore_optimizer, restore_pass
from benchmark.spec import RunSpec
from scenarios.task import Scenario, Task
from strategies.strategy import Batch, Phase, Strategy

REPORT = 50
"""Losses are looked at, and observers told, once in so many steps: no step waits for a number."""


class Diverged(Exception):
    """The loss was not finite; the message says where."""


@dataclass
class Outcome:
    """What training leaves behind, filled row by row so that an interrupted run keeps what it had."""

    rows: list[Evaluation] = field(default_factory=list)
    anytime: list[AnytimeRow] = field(default_factory=list)
    costs: list[TaskCosts] = field(default_factory=list)


class Trainer:
    """Trains a strategy on the tasks of a scenario, one after another, and tests it on all of them.

    Args:
        strategy: on its device already.
        scenario: its test examples are read here and nowhere else.
        spec: budget, batch size, optimiser, seeds.
        observer: told what happens.
        measure: called after each task, with the task; for properties.
        keep: given a checkpoint after each task, and within tasks after every so many seconds; None for none.
        every: those seconds.
        interruption: looked at after every step; where it asks, a checkpoint is kept and the run stops.
    """

    def __init__(
        self,
        strategy: Strategy,
        scenario: Scenario,
        spec: RunSpec,
        observer: Observer,
        measure: Callable[[Task], None],
        keep: Callable[[Checkpoint], None] | None = None,
        every: float = 60.0,
        interruption: Interruption | None = None,
    ) -> None:
        self.strategy = strategy
        self.scenario = scenario
        self.spec = spec
        self.observer = observer
        self.measure = measure
        self.keep = keep
        self.every = every
        self.interruption = interruption or Interruption()
        self.kept = time.monotonic()
        self.position = Position()
        self.device = torch.device(spec.device)
        self.outcome = Outcome()
        self.order = generator_for("order", spec.seeds.order)
        self.adjusts = type(strategy).adjust_gradients is not Strategy.adjust_gradients
        # L2 decay of the network joins the gradient before the strategy adjusts it, so that what is protected
        # stays still. A strategy's own parameters do not decay: old tasks' embeddings have to stay.
        self.decay = 0.0 if spec.optimizer == "adamw" else spec.weight_decay
        self.optimizer: torch.optim.Optimizer | None = None
        self.plateau: Plateau | None = None
        self.resumed: Checkpoint | None = None
        self.total_steps = 0

    def run(self, checkpoint: Checkpoint | None = None) -> None:
        """Learn all tasks, or those that a checkpoint leaves. `outcome` holds what was measured so far.

        Raises:
            Diverged: where the loss is not finite.
            KeyboardInterrupt: where it was interrupted, once the checkpoint is kept.
        """
        with global_seed(self.device, "dropout", self.spec.seeds.order):
            if checkpoint is None:
                self.strategy.generator.manual_seed(generator_for("strategy", self.spec.seeds.order).initial_seed())
                self.evaluate_row(after=-1)
            else:
                restore(self, checkpoint)
            for task in self.scenario.tasks[self.position.task :]:
                self.learn(task)
                self.evaluate_row(after=task.index)
                self.measure(task)
                self.save()

    def learn(self, task: Task) -> None:
        """One task: all its phases, between the strategy's `start_task` and `end_task`."""
        if not self.position.begun:
            self.seconds = 0.0
            self.steps = self.examples = 0
        with self.clock():
            self.strategy.masks = self.scenario.masks(task.index)[: task.index + 1].to(self.device)
            if not self.position.begun:
                self.strategy.start_task(task)
            self.parameters = {
                name: parameter for name, parameter in self.strategy.named_parameters() if parameter.requires_grad
            }
            if self.optimizer is None or not self.spec.carry_optimizer:
                self.optimizer = build_optimizer(self.spec, self.parameters)
            if self.resumed is not None:
                restore_optimizer(self, self.resumed)
            self.position.begun = True
            phases = self.strategy.phases(task)
        for phase in phases[self.position.phase :]:
            self.train(task, phase)
            self.position = Position(task.index, begun=True, phase=self.position.phase + 1)
        if not all(bool(parameter.isfinite().all()) for parameter in self.parameters.values()):
            raise Diverged(f"the weights were not finite after step {self.steps} of task {task.index + 1}")
        with self.clock():
            self.strategy.end_task(task)
        self.outcome.costs.append(self.task_costs())
        self.position = Position(task.index + 1)

    def train(self, task: Task, phase: Phase) -> None:
        """One phase: passes over its examples until the budget is spent or the schedule stops it."""
        with self.clock():
            self.strategy.train()
            examples = phase.examples.to(self.device)
            validation = phase.validation or task.validation
            a_pass = math.ceil(len(examples) / self.spec.batch_size)
            budget = self.spec.iterations * phase.worth if self.spec.iterations else a_pass * (self.spec.epochs or 0)
            expected = self.steps - self.done(a_pass) + budget
            assert self.optimizer is not None
            self.plateau = (
                Plateau(self.optimizer, self.strategy, self.spec) if self.spec.schedule == "plateau" else None
            )
            if self.resumed is not None:
                restore_pass(self, self.resumed)
        while (left := budget - self.position.epoch * a_pass) > 0 and a_pass:
            steps = min(a_pass, left)
            if self.position.step == 0:
                self.pass_began = self.order.get_state()
            order = torch.randperm(len(examples), generator=self.order).to(self.device)
            progress = torch.linspace(0, 1, steps, device=self.device).unbind()
            done = self.position.step
            rest = examples.batches(order[done * self.spec.batch_size :], self.spec.batch_size)
            losses: list[Tensor] = []
            clock = self.clock().start()
            for place, (x, y, at) in zip(progress[done:], rest, strict=False):
                x, y, at = x.to(self.device), y.to(self.device), at.to(self.device)
                batch = Batch(x, y, at, self.strategy.masks, place, self.position.epoch, len(y))
                batch = self.strategy.prepare(batch)
                losses.append(self.step(batch))
                self.strategy.after_step(batch)
                self.steps += 1
                self.examples += len(batch.y)
                within = self.spec.evaluate_every and self.steps % self.spec.evaluate_every == 0
                if within or len(losses) == REPORT or self.interruption.asked:
                    self.report(task, losses, expected)
                    clock.stop()
                    if within:
                        self.evaluate_within(task)
                    self.save_if_due()
                    clock.start()
            self.report(task, losses, expected)
            if self.plateau is not None:
                self.plateau.passed(mean_loss(self.strategy, validation, self.strategy.masks, self.device))
            clock.stop()
            self.position.epoch, self.position.step = self.position.epoch + 1, 0
            if self.plateau is not None and self.plateau.stopped:
                break
            self.save_if_due()
        if self.plateau is not None:
            self.plateau.finish()

    def done(self, a_pass: int) -> int:
        """Steps of the current phase taken before it was interrupted."""
        return self.position.epoch * a_pass + self.position.step

    def step(self, batch: Batch) -> Tensor:
        """One step of gradient descent; the loss, not yet looked at."""
        assert self.optimizer is not None
        for parameter in self.parameters.values():
            parameter.grad = None
        loss = self.strategy.loss(batch)
        loss.backward()
        if self.decay:
            for name, parameter in self.parameters.items():
                if parameter.grad is not None and name.startswith("network."):
                    parameter.grad.add_(parameter.detach(), alpha=self.decay)
        if self.adjusts:
            with torch.no_grad():
                gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
                for name, gradient in self.strategy.adjust_gradients(gradients, batch).items():
                    self.parameters[name].grad = gradient
        self.optimizer.step()
        return loss.detach()

    def report(self, task: Task, losses: list[Tensor], expected: int) -> None:
        """Look at the losses of the last steps, tell the observers, and forget them."""
        if not losses:
            return
        values = torch.stack(losses).tolist()
        first = self.steps - len(values) + 1
        self.total_steps += len(values)
        self.position.step += len(values)
        losses.clear()
        for step, value in enumerate(values, first):
            if not math.isfinite(value):
                raise Diverged(f"the loss was {value} at step {step} of task {task.index + 1}")
        self.observer.stepped(Step(task.index + 1, self.steps, expected, values, self.total_steps))

    def save(self) -> None:
        """Hand a checkpoint of all this to whoever keeps it."""
        if self.keep is not None:
            self.keep(checkpoint_of(self))
            self.kept = time.monotonic()
        if self.interruption.asked:
            raise KeyboardInterrupt

    def save_if_due(self) -> None:
        if self.interruption.asked or time.monotonic() - self.kept > self.every:
            self.save()

    def evaluate_row(self, after: int) -> None:
        """Test on all tasks, and keep the row."""
        row = evaluate(self.strategy, self.scenario, after, self.device)
        self.outcome.rows.append(row)
        self.observer.evaluated(after + 1, row.accuracy)

    def evaluate_within(self, task: Task) -> None:
        """Test on all tasks in the middle of one."""
        row = evaluate(self.strategy, self.scenario, task.index, self.device)
        self.outcome.anytime.append(AnytimeRow(task=task.index + 1, step=self.steps, accuracy=tuple(row.accuracy)))

    def task_costs(self) -> TaskCosts:
        state = self.strategy.state_dict()
        return TaskCosts(
            seconds=round(self.seconds, 3),
            steps=self.steps,
            examples_forward=self.examples,
            examples_backward=self.examples,
            bytes_remembered=sum(value.nbytes for name, value in state.items() if not name.startswith("network.")),
            parameters=sum(parameter.numel() for parameter in self.parameters.values()),
        )

    def clock(self) -> "Clock":
        return Clock(self)


class Clock:
    """Adds the time between `start` and `stop` to a trainer's seconds; also a context."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def start(self) -> "Clock":
        self.began = time.perf_counter()
        return self

    def stop(self) -> None:
        self.trainer.seconds += time.perf_counter() - self.began

    def __enter__(self) -> "Clock":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
