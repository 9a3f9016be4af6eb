"""The loop: budgets, schedules, divergence, and what may not change a number."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from support import KINDS, matrix, tiny_spec, trained, trainer_for, weights
from torch.nn.functional import cross_entropy

from benchmark.execution.local import run_all
from benchmark.observers.observer import Observer, Step
from benchmark.optimization import Optimizer, Plateau
from benchmark.predictions import FILE, read_predictions
from benchmark.record import read_record
from benchmark.request import RunRequest, run_folder
from benchmark.run import run
from benchmark.spec import RunSpec
from benchmark.trainer import Diverged
from strategies.strategy import Strategy


def request(tmp_path: Path, scenario: str, strategy: str, seed: int = 0, **fields: object) -> RunRequest:
    spec = tiny_spec(scenario, strategy, seed, **fields)
    return RunRequest(spec, run_folder(tmp_path, spec))


def test_epochs_are_passes_and_iterations_are_steps() -> None:
    by_epochs = trained("split-digits:task", "naive", epochs=2, batch_size=7)
    for cost, task in zip(by_epochs.outcome.costs, by_epochs.scenario.tasks, strict=True):
        assert cost.steps == 2 * math.ceil(len(task.training) / 7)
        assert cost.examples_backward == 2 * len(task.training), "the last, smaller batch counts too"
    by_iterations = trained("split-digits:task", "naive", iterations=61)
    assert [cost.steps for cost in by_iterations.outcome.costs] == [61] * 5


def test_joint_training_takes_the_budget_of_all_tasks_seen() -> None:
    trainer = trained("split-digits:task", "joint", iterations=5)
    assert [cost.steps for cost in trainer.outcome.costs] == [5, 10, 15, 20, 25]


def test_a_naive_run_is_what_a_hand_written_loop_does() -> None:
    """The same weights, bit for bit, from a loop that knows nothing of hooks."""
    trainer = trainer_for(tiny_spec("split-digits:class,active=all", "naive", epochs=1))
    by_hand = trainer_for(tiny_spec("split-digits:class,active=all", "naive", epochs=1))
    trainer.run()
    network, order = by_hand.strategy.network, by_hand.replica.order
    for task in by_hand.scenario.tasks:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.02, fused=True)
        for indices in torch.randperm(len(task.training), generator=order).split(10):
            x, y = task.training.batch(indices)
            optimizer.zero_grad()
            cross_entropy(network(x), y).backward()
            optimizer.step()
    assert torch.equal(weights(trainer), weights(by_hand))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weight_decay_is_that_of_the_optimiser(optimizer: str) -> None:
    spec = tiny_spec("split-digits:class,active=all,tasks=1", "naive", optimizer=optimizer, weight_decay=0.1, lr=0.01)
    ours, theirs = trainer_for(spec), trainer_for(spec)
    ours.run()
    network = theirs.strategy.network
    maker = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    its = maker(network.parameters(), lr=0.01, weight_decay=0.1)
    task = theirs.scenario.tasks[0]
    for indices in torch.randperm(len(task.training), generator=theirs.replica.order).split(10)[:12]:
        x, y = task.training.batch(indices)
        its.zero_grad()
        cross_entropy(network(x), y).backward()
        its.step()
    assert torch.allclose(weights(ours), weights(theirs), atol=1e-6)


@pytest.mark.parametrize("fields", [{"optimizer": "adam", "lr": 0.001}, {"momentum": 0.9}])
def test_a_carried_optimiser_is_not_a_fresh_one(fields: dict[str, object]) -> None:
    fresh = trained("split-digits:task", "naive", **fields)
    carried = trained("split-digits:task", "naive", carry_optimizer=True, **fields)
    assert matrix(fresh)[1] == matrix(carried)[1], "the first task knows no difference"
    assert not torch.equal(weights(fresh), weights(carried))


class Toy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Linear(1, 1)


def test_the_plateau_schedule_is_hats() -> None:
    """Drop by 3 after 5 passes without improvement, stop below 1e-4, go back to the best weights."""
    model = Toy()
    spec = tiny_spec("split-digits:task", "naive", lr=0.05)
    optimizer = Optimizer(spec, dict(model.named_parameters()))
    plateau = Plateau(optimizer, model, spec)
    best = model.network.weight.detach().clone()
    plateau.passed(1.0)
    with torch.no_grad():
        model.network.weight.add_(1.0)
    rates = []
    while not plateau.stopped:
        plateau.passed(2.0)
        rates.append(float(optimizer.rate))
    assert rates[3] == pytest.approx(0.05)
    assert rates[4] == pytest.approx(0.05 / 3)
    drops = math.ceil(math.log(0.05 / 1e-4, 3))
    assert len(rates) == 5 * drops
    plateau.finish()
    assert torch.equal(model.network.weight, best)


def test_the_plateau_schedule_stops_a_task_early_and_keeps_the_best_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmark.trainer.mean_loss", lambda *_: 1.0)
    scenario = "split-digits:task,tasks=1"
    stalled = trained(scenario, "naive", epochs=400, schedule="plateau", lr=0.05)
    once = trained(scenario, "naive", epochs=1, lr=0.05)
    drops = math.ceil(math.log(0.05 / 1e-4, 3))
    assert stalled.outcome.costs[0].steps == (1 + 5 * drops) * once.outcome.costs[0].steps
    assert torch.equal(weights(stalled), weights(once)), "only the first pass improved"


class Remember(Observer):
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.rows: list[tuple[int, tuple[float, ...]]] = []

    def stepped(self, step: Step) -> None:
        self.steps.append(step)

    def evaluated(self, task: int, accuracy: Sequence[float]) -> None:
        self.rows.append((task, tuple(accuracy)))


class Broken(Observer):
    def stepped(self, step: Step) -> None:
        raise RuntimeError("no network")


def test_observers_are_told_every_step_and_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = run(request(tmp_path / "a", "split-digits:task", "rehearsal", iterations=120))
    watcher = Remember()
    watched = run(request(tmp_path / "b", "split-digits:task", "rehearsal", iterations=120), [Broken(), watcher])
    assert "Broken broke and is left out of this run: no network" in capsys.readouterr().err
    assert alone.accuracy == watched.accuracy
    assert sum(len(step.losses) for step in watcher.steps) == 5 * 120
    assert [row for row, _ in watcher.rows] == [0, 1, 2, 3, 4, 5]
    assert [list(row) for _, row in watcher.rows] == watched.accuracy


@pytest.mark.parametrize("strategy", ["naive", "rehearsal", "ewc", "hat", "joint"])
def test_properties_and_evaluations_within_tasks_change_no_training_number(tmp_path: Path, strategy: str) -> None:
    network = "mlp:24x16,dropout=0.3"
    bare = request(tmp_path / "bare", "split-digits:task", strategy, network=network)
    probed = request(
        tmp_path / "probed",
        "split-digits:task",
        strategy,
        network=network,
        properties=("adversarial:steps=2", "memorisation:budget=3", "sharpness:iterations=2"),
        evaluate_every=5,
    )
    records = [run(bare), run(probed)]
    assert records[0].accuracy == records[1].accuracy
    assert len(records[1].anytime) == 5 * 2 if strategy != "joint" else records[1].anytime
    assert set(records[1].properties) == {
        "adversarial:steps=2",
        "memorisation:budget=3",
        "sharpness:iterations=2",
    }
    assert (bare.folder / FILE).read_bytes() == (probed.folder / FILE).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_give_the_accuracy_matrix_again(tmp_path: Path, kind: str) -> None:
    asked = request(tmp_path, f"split-digits:{kind}", "naive")
    record = run(asked)
    kept = read_predictions(asked.folder)
    for row, answers in zip(record.accuracy, kept.rows, strict=True):
        for task, accuracy in enumerate(row):
            mine = kept.task == task
            assert (answers.predicted[mine] == kept.label[mine]).mean() == pytest.approx(accuracy, abs=1e-12)


def test_a_run_that_diverges_is_recorded_with_its_step_and_the_others_go_on(tmp_path: Path) -> None:
    spec = tiny_spec("split-digits:domain", "ewc", strength=1e9, lr=0.5, iterations=30)
    with pytest.raises(Diverged, match=r"^the (loss was|weights were) .* step \d+ of task 2$"):
        trainer_for(spec).run()
    asked = [
        RunRequest(spec, run_folder(tmp_path, spec)),
        request(tmp_path, "split-digits:domain", "naive"),
    ]
    events: list[object] = []
    diverged, completed = run_all(asked, 1, events.append)
    assert diverged.status == "diverged"
    assert "of task 2" in str(diverged.reason)
    assert len(diverged.accuracy) == 2, "the rows before it are kept"
    assert all(value is None for value in diverged.metrics.values())
    assert completed.status == "completed"
    for each, record in zip(asked, (diverged, completed), strict=True):
        assert read_record(each.folder) == record


def test_an_error_in_a_strategy_is_recorded_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Strategy, batch: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("strategies.rehearsal.Rehearsal.after_step", fail)
    asked = [request(tmp_path, "split-digits:task", name) for name in ("rehearsal", "naive")]
    failed, completed = run_all(asked, 1, lambda event: None)
    assert (failed.status, failed.reason) == ("failed", "ZeroDivisionError: on purpose")
    assert completed.status == "completed"
    assert read_record(asked[0].folder) == failed


KILLED = """
import os, signal
from strategies.strategy import Strategy, register

@register("killed")
class Killed(Strategy):
    \"\"\"Dies in the middle of the second task.\"\"\"

    def start_task(self, task):
        if task.index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_takes_no_other_run_with_it(tmp_path: Path) -> None:
    from scenarios.registry import load_plugin

    plugin = tmp_path / "killed.py"
    plugin.write_text(KILLED)
    load_plugin(str(plugin))
    asked = []
    for name in ("killed", "naive", "hat"):
        spec = tiny_spec("split-digits:task", name)
        asked.append(RunRequest(spec, run_folder(tmp_path, spec), (str(plugin),)))
    records = run_all(asked, 2, lambda event: None)
    assert [record.status for record in records] == ["failed", "completed", "completed"]
    assert records[0].reason is not None
    assert records[0].reason.startswith("its process was killed by signal 9 (SIGKILL)")
    assert read_record(asked[0].folder) == records[0]


def test_runs_in_processes_are_the_runs_they_would_be_here(tmp_path: Path) -> None:
    here = [request(tmp_path / "here", "split-digits:class", "rehearsal", seed) for seed in range(3)]
    there = [request(tmp_path / "there", "split-digits:class", "rehearsal", seed) for seed in range(3)]
    one = run_all(here, 1, lambda event: None)
    two = run_all(there, 2, lambda event: None)
    assert [record.accuracy for record in one] == [record.accuracy for record in two]
    assert one[0].accuracy != one[1].accuracy


def test_the_record_says_which_original_classes_each_task_holds(tmp_path: Path) -> None:
    spec = tiny_spec("split-digits:class", "naive")
    spec = RunSpec(**{**spec.model_dump(), "seeds": {"init": 0, "order": 0, "classes": 7}})
    record = run(RunRequest(spec, run_folder(tmp_path, spec)))
    held = [name for task in record.tasks for name in task.classes]
    assert sorted(held) == list("0123456789")
    assert held != list("0123456789")
    assert [task.outputs for task in record.tasks] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]


def test_a_network_with_dropout_gives_the_same_bytes_twice_and_drops_only_in_training() -> None:
    first, second = (trained("split-digits:task", "naive", network="mlp:24x16,dropout=0.5") for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(trained("split-digits:task", "naive")))


@pytest.mark.parametrize("network", ["cnn:channels=4,hidden=16", "resnet18:channels=4"])
@pytest.mark.parametrize("strategy", ["naive", "rehearsal", "ewc", "hat", "joint"])
def test_every_strategy_trains_every_network(network: str, strategy: str) -> None:
    few = {"samples": 20} if strategy == "ewc" else {}
    trainer = trained("split-digits:task,tasks=2", strategy, network=network, iterations=3, **few)
    assert len(matrix(trainer)) == 3
