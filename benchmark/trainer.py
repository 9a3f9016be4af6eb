"""The one loop that trains every strategy on every scenario: one run, or replicas of it at once."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from benchmark.checkpoint import Checkpoint, Position
from benchmark.evaluation import evaluate, learned, mean_loss
from benchmark.feeding import Feed
from benchmark.foreign import hand_over, is_foreign
from benchmark.interruption import Interruption
from benchmark.observers.observer import Step
from benchmark.optimization import Plateau
from benchmark.randomness import generator_for, global_seed
from benchmark.record import AnytimeRow, TaskCosts
from benchmark.replica import Replica
from benchmark.resuming import checkpoint_of, restore, restore_optimizer, restore_pass
from benchmark.stepper import Stepper
from strategies.strategy import Batch, Phase, Work

REPORT = 50
"""Losses are looked at, and observers told, once in so many steps: no step waits for a number."""


class Diverged(Exception):
    """The loss was not finite; the message says where."""


class OverBudget(Exception):
    """More is remembered than the budget in bytes allows; the message says how much, and when."""


class Trainer:
    """Trains a strategy on the tasks of a scenario, one after another, and tests it on all of them.

    Given several replicas, it takes their steps together; everything else each does for itself. One that
    diverges, or breaks, is left behind, and the others go on.

    Args:
        replicas: the run, or runs that differ in seeds and in numbers among the hyper-parameters alone.
        compiled: whether steps are compiled (see `Stepper`).
        varied: hyper-parameters in which replicas differ, each [replicas].
        keep: given a checkpoint after each task, and within tasks after every so many seconds; None for none.
        every: those seconds.
        interruption: looked at after every step; where it asks, a checkpoint is kept and the run stops.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        *,
        compiled: bool = False,
        varied: Mapping[str, Tensor] | None = None,
        keep: Callable[[Checkpoint], None] | None = None,
        every: float = 60.0,
        interruption: Interruption | None = None,
    ) -> None:
        self.replicas = list(replicas)
        self.spec = replicas[0].spec
        self.keep = keep
        self.every = every
        self.interruption = interruption or Interruption()
        self.kept = time.monotonic()
        self.position = Position()
        self.device = torch.device(self.spec.device)
        carries = self.spec.carry_optimizer or not replicas[0].scenario.boundaries
        strategies = [replica.strategy for replica in replicas]
        self.stepper = Stepper(strategies, self.spec, compiled=compiled, varied=varied, carries=carries)
        self.feed = Feed(self.replicas, self.spec.batch_size, self.device)
        self.resumed: Checkpoint | None = None
        self.seconds = 0.0

    @property
    def running(self) -> list[Replica]:
        """Those that nothing has ended."""
        return [replica for replica in self.replicas if replica.error is None]

    def run(self, checkpoint: Checkpoint | None = None) -> None:
        """Learn all tasks, or those that a checkpoint leaves. Each replica's outcome holds what was measured so far.

        Raises:
            Exception: what ended the last replica, where none comes to the end: `Diverged` or an error of a hook.
            KeyboardInterrupt: where it was interrupted, once the checkpoint is kept.
        """
        with global_seed(self.device, "dropout", self.spec.seeds.order):
            if checkpoint is None:
                for replica in self.replicas:
                    seed = generator_for("strategy", replica.spec.seeds.order).initial_seed()
                    replica.strategy.generator.manual_seed(seed)
                self.evaluate_row(after=-1)
            else:
                restore(self, checkpoint)
            if is_foreign(self.spec):
                self.save()
                self.keep = None  # what it comes to remember is in no checkpoint: it is resumed from here
            for index in range(self.position.task, len(self.replicas[0].scenario.tasks)):
                self.learn(index)
                self.evaluate_row(after=index)
                self.each(lambda replica: replica.measure(replica.scenario.tasks[index]))  # noqa: B023
                self.save()

    def each(self, hook: Callable[[Replica], None]) -> None:
        """What each running replica does for itself; an error in one is its own, unless it is the last."""
        for replica in self.running:
            try:
                hook(replica)
            except Exception as error:
                self.lose(replica, error)

    def lose(self, replica: Replica, error: Exception) -> None:
        """Go on without a replica."""
        replica.error = error
        if not self.running:
            raise error

    def learn(self, index: int) -> None:
        """One task: all its phases, between the strategy's `start_task` and `end_task`."""
        phases: dict[int, list[Phase]] = {}

        def start(replica: Replica) -> None:
            task = replica.scenario.tasks[index]
            masks = replica.scenario.masks(index)
            masks[index + 1 :] = False
            replica.strategy.masks = masks.to(self.device)
            if not self.position.begun:
                replica.steps = 0
                replica.strategy.work.clear()
                replica.strategy.start_task(task)
            phases[id(replica)] = replica.strategy.phases(task)

        def finish(replica: Replica) -> None:
            if not all(bool(value.isfinite().all()) for value in replica.strategy.parameters()):
                raise Diverged(f"the weights were not finite after step {replica.steps} of task {index + 1}")
            replica.strategy.end_task(replica.scenario.tasks[index])
            budget = replica.spec.memory_budget
            if budget is not None and (remembered := replica.strategy.bytes_remembered()) > budget:
                raise OverBudget(f"{remembered:,} bytes are remembered after task {index + 1}, of {budget:,}")

        if not self.position.begun:
            self.seconds = 0.0
        with self.clock():
            self.each(start)
            self.stepper.start_task()
            if self.resumed is not None:
                restore_optimizer(self, self.resumed)
        self.position.begun = True
        for number in range(self.position.phase, len(phases[id(self.running[0])])):
            if self.resumed is None:  # otherwise the checkpoint is from within this phase
                with self.clock():
                    self.each(lambda replica: replica.strategy.start_phase(replica.scenario.tasks[index], number))  # noqa: B023
                    self.stepper.start_phase()
            self.train(index, {key: phases[key][number] for key in phases})
            self.position = Position(index, begun=True, phase=self.position.phase + 1)
        if is_foreign(self.spec):
            self.each(lambda replica: hand_over(self, replica, index))
        with self.clock():
            self.each(finish)
        for replica in self.running:
            replica.outcome.costs.append(self.task_costs(replica))
        self.position = Position(index + 1)

    def train(self, index: int, phases: dict[int, Phase]) -> None:
        """One phase: passes over its examples until the budget is spent or the schedule stops it."""
        with self.clock():
            examples = self.feed.on_device({key: phase.examples for key, phase in phases.items()})
            for number, replica in enumerate(self.replicas):
                replica.strategy.train()
                replica.plateau = None
                if self.spec.schedule == "plateau":
                    assert self.stepper.optimizer is not None
                    replica.plateau = Plateau(self.stepper.optimizer, replica.strategy, replica.spec, number)
            lead = self.running[0]
            a_pass = math.ceil(len(examples[id(lead)]) / self.spec.batch_size)
            worth = phases[id(lead)].worth
            budget = self.spec.iterations * worth if self.spec.iterations else a_pass * (self.spec.epochs or 0)
            expected = lead.steps - self.position.epoch * a_pass - self.position.step + budget
            if self.resumed is not None:
                restore_pass(self, self.resumed)
        while (left := budget - self.position.epoch * a_pass) > 0 and a_pass and self.learning:
            steps = min(a_pass, left)
            progress = torch.linspace(0, 1, steps, device=self.device).unbind()
            epoch = torch.tensor(self.position.epoch)
            losses: list[Tensor] = []
            work, taken = Work(), lead.steps
            clock = self.clock().start()
            batches = self.feed.batches(examples, self.position.step)
            for place, (x, y, at) in zip(progress[self.position.step :], batches, strict=False):
                batch = self.feed.prepared(Batch(x, y, at, lead.strategy.masks, place, epoch, y.shape[-1]), self.lose)
                losses.append(self.stepper(batch))
                work.add(lead.strategy.step_work(batch))
                taken += 1
                within = self.spec.evaluate_every and taken % self.spec.evaluate_every == 0
                if within or len(losses) == REPORT or self.interruption.asked:
                    work = self.report(index, losses, work, expected)
                    clock.stop()
                    if within:
                        self.each(lambda replica: self.evaluate_within(replica, index))
                    self.save_if_due()
                    clock.start()
            self.report(index, losses, work, expected)
            self.position.epoch, self.position.step = self.position.epoch + 1, 0
            self.each(lambda replica: self.pass_ended(replica, index, phases[id(replica)]))
            clock.stop()
            self.save_if_due()
        self.each(self.end_phase)

    @property
    def learning(self) -> list[Replica]:
        """Those that neither an error nor their schedule has stopped."""
        return [replica for replica in self.replicas if replica.learning]

    def report(self, index: int, losses: list[Tensor], work: Work, expected: int) -> Work:
        """Look at the losses of the last steps, tell the observers, and count their work; then both begin anew."""
        if not losses:
            return Work()
        values = torch.stack(losses).reshape(len(losses), -1).T.tolist()
        self.position.step += len(losses)
        for replica, own in zip(self.replicas, values, strict=True):
            if not replica.learning:
                continue
            broken = next((number for number, value in enumerate(own) if not math.isfinite(value)), None)
            if broken is not None:
                at = replica.steps + broken + 1
                self.lose(replica, Diverged(f"the loss was {own[broken]} at step {at} of task {index + 1}"))
                continue
            replica.steps += len(own)
            replica.strategy.work.add(work)
            replica.total_steps += len(own)
            replica.observer.stepped(Step(index + 1, replica.steps, expected, own, replica.total_steps))
        losses.clear()
        return Work()

    def pass_ended(self, replica: Replica, index: int, phase: Phase) -> None:
        """Let a replica's schedule look at it; it may stop the replica."""
        if not replica.learning:
            return
        if replica.plateau is not None:
            validation = phase.validation or replica.scenario.tasks[index].validation
            replica.plateau.passed(mean_loss(replica.strategy, validation, replica.strategy.masks, self.device))
            if replica.plateau.stopped:
                replica.freeze()
        elif self.spec.schedule == "criterion" and learned(
            replica.strategy, phase.examples, replica.strategy.masks, self.device
        ):
            replica.freeze()

    def end_phase(self, replica: Replica) -> None:
        """Wake a replica that its schedule had stopped, and give it the weights that the schedule kept."""
        if replica.frozen is not None:
            replica.thaw()
        if replica.plateau is not None:
            replica.plateau.finish()

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
        """Test every replica on the tasks that a row covers, and keep the row."""

        def one(replica: Replica) -> None:
            tasks = replica.coverage.after(after)
            row = evaluate(replica.strategy, replica.scenario, after, self.device, tasks)
            replica.outcome.rows.append(row)
            replica.observer.evaluated(after + 1, row.accuracy)

        self.each(one)

    def evaluate_within(self, replica: Replica, index: int) -> None:
        """Test a replica in the middle of a task."""
        tasks = replica.coverage.within(index)
        row = evaluate(replica.strategy, replica.scenario, index, self.device, tasks)
        anytime = AnytimeRow(task=index + 1, step=replica.steps, accuracy=tuple(row.accuracy))
        replica.outcome.anytime.append(anytime)

    def task_costs(self, replica: Replica) -> TaskCosts:
        trained = [parameter for parameter in replica.strategy.parameters() if parameter.requires_grad]
        return TaskCosts(
            seconds=round(self.seconds / len(self.replicas), 3),
            steps=replica.steps,
            examples_forward=replica.strategy.work.forward,
            examples_backward=replica.strategy.work.backward,
            bytes_remembered=replica.strategy.bytes_remembered(),
            parameters=sum(parameter.numel() for parameter in trained),
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
