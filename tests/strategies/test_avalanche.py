"""Strategies of Avalanche as entries: they learn, are repeated to the byte, are measured, and refuse in a line."""

import copy
import importlib.util
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from support import Alone, matrix, tiny_spec, trained, trainer_for, weights
from torch import Tensor

from benchmark.checkpoint import Checkpoint
from benchmark.record import read_record
from benchmark.request import RunRequest
from benchmark.run import check, run
from benchmark.trainer import Diverged
from scenarios.errors import RequestError
from scenarios.examples import Examples
from strategies.avalanche import CANNOT, FURTHER, names
from strategies.catalogue import STRATEGIES
from strategies.strategy import bind_hyperparameters, hyperparameters_of

OPTIONS: dict[str, dict[str, Any]] = {
    "avalanche/Naive": {},
    "avalanche/Replay": {"mem_size": 50},
    "avalanche/EWC": {"ewc_lambda": 1.0},
}
over_names = pytest.mark.parametrize("name", OPTIONS)


def refusal(name: str, **fields: Any) -> str:
    """The one line with which a run is refused before it begins."""

    def begin() -> None:
        spec = tiny_spec("split-digits:class", name, **fields)
        check(spec, trainer_for(spec).scenario)

    with pytest.raises(RequestError) as caught:
        begin()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def learned(trainer: Alone) -> float:
    """Accuracy on each task just after it."""
    return fmean(trainer.outcome.rows[j + 1].accuracy[j] or 0 for j in range(5))


def final(trainer: Alone) -> float:
    return fmean(value or 0 for value in trainer.outcome.rows[-1].accuracy)


class Closed(Examples):
    """Examples that must not be read before they are opened."""

    def __init__(self, examples: Examples) -> None:
        self.examples, self.task, self.open = examples, examples.task, False

    def __len__(self) -> int:
        return len(self.examples)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        assert self.open, "examples of a later task, or test examples, are read"
        return self.examples.batch(indices)

    def digest(self) -> str:
        return self.examples.digest()


@over_names
@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_it_learns(name: str, kind: str) -> None:
    trainer = trained(f"split-digits:{kind}", name, epochs=4, network="mlp:100", lr=0.05, **OPTIONS[name])
    assert learned(trainer) > 0.8
    assert trainer.outcome.costs[-1].steps == 4 * 26


@over_names
def test_the_same_seeds_give_the_same_bytes_and_others_do_not(name: str) -> None:
    first, second, third = (
        trained("split-digits:class", name, seed, iterations=6, **OPTIONS[name]) for seed in (0, 0, 1)
    )
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(third))
    for mine, other in zip(first.outcome.rows, second.outcome.rows, strict=True):
        assert mine.predicted.tobytes() == other.predicted.tobytes()
        assert mine.confidence.tobytes() == other.confidence.tobytes()


def test_it_starts_from_the_weights_of_every_other_strategy() -> None:
    starts = [trainer_for(tiny_spec("split-digits:class", name)) for name in ("naive", "avalanche/Naive")]
    assert torch.equal(*map(weights, starts))


def test_everyones_generators_are_left_as_they_were() -> None:
    def states() -> list[Any]:
        legacy = np.random.get_state()[1].tolist()  # noqa: NPY002
        return [torch.get_rng_state().tolist(), random.getstate(), legacy]

    trainer = trainer_for(
        tiny_spec("split-digits:class", "avalanche/Replay", iterations=4, **OPTIONS["avalanche/Replay"])
    )
    before = states()
    trainer.learn(0)
    trainer.learn(1)
    assert states() == before


@pytest.mark.parametrize("kind", ["task", "class"])
def test_its_naive_is_ours(kind: str) -> None:
    """One protocol, other orders of examples: means over seeds within noise, and the same work."""
    fields: dict[str, Any] = {"epochs": 3, "network": "mlp:100", "lr": 0.05}
    theirs, ours = (
        [trained(f"split-digits:{kind}", name, seed, **fields) for seed in range(3)]
        for name in ("avalanche/Naive", "naive")
    )
    assert fmean(map(learned, theirs)) == pytest.approx(fmean(map(learned, ours)), abs=0.02)
    assert fmean(map(final, theirs)) == pytest.approx(fmean(map(final, ours)), abs=0.06)
    for mine, other in zip(theirs[0].outcome.costs, ours[0].outcome.costs, strict=True):
        assert mine.model_dump(exclude={"seconds"}) == other.model_dump(exclude={"seconds"})


@pytest.mark.parametrize("kind", ["task", "class"])
def test_one_step_over_all_examples_is_ours(kind: str) -> None:
    """With a task's examples in one batch the order does not matter, and the gradient is the same."""
    fields: dict[str, Any] = {"iterations": 1, "batch_size": 1000, "lr": 0.05}
    theirs, ours = (trained(f"split-digits:{kind}", name, **fields) for name in ("avalanche/Naive", "naive"))
    torch.testing.assert_close(weights(theirs), weights(ours), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("carry", [False, True])
def test_its_optimiser_is_ours(optimizer: str, carry: bool) -> None:
    momentum = {"momentum": 0.9} if optimizer == "sgd" else {}
    fields: dict[str, Any] = {"iterations": 2, "batch_size": 1000, "lr": 0.01, "weight_decay": 0.1, **momentum}
    theirs, ours = (
        trained("split-digits:class,tasks=2", name, optimizer=optimizer, carry_optimizer=carry, **fields)
        for name in ("avalanche/Naive", "naive")
    )
    torch.testing.assert_close(weights(theirs), weights(ours), rtol=1e-3, atol=1e-5)


def test_a_budget_in_iterations_is_so_many_steps() -> None:
    trainer = trained("split-digits:class", "avalanche/Replay", iterations=31, **OPTIONS["avalanche/Replay"])
    assert [cost.steps for cost in trainer.outcome.costs] == [31] * 5


def test_what_it_remembers_is_counted() -> None:
    """Replay keeps bytes of 8×8 pictures, and a label; EWC a copy and an importance of each weight a task."""
    replay = trained("split-digits:class", "avalanche/Replay", iterations=4, mem_size=50)
    row = 64 * replay.scenario.tasks[0].training.batch(torch.arange(1))[0].element_size() + 8
    kept = [cost.bytes_remembered for cost in replay.outcome.costs]
    # Reservoirs keep a weight of each example as well, a float.
    assert all(50 * row <= held <= 50 * (row + 8) for held in kept)
    ewc = trained("split-digits:class", "avalanche/EWC", iterations=4, ewc_lambda=1.0)
    own = sum(parameter.nbytes for parameter in ewc.strategy.network.parameters())
    assert [cost.bytes_remembered for cost in ewc.outcome.costs] == [2 * own * (task + 1) for task in range(5)]
    assert trained("split-digits:class", "avalanche/Naive", iterations=4).outcome.costs[-1].bytes_remembered == 0


def test_all_that_goes_through_the_network_is_counted() -> None:
    """Replay adds a remembered example to each of the task; EWC goes once through the task after it."""
    replay = trained("split-digits:class", "avalanche/Replay", iterations=4, mem_size=50)
    assert [cost.examples_backward for cost in replay.outcome.costs] == [40, 80, 80, 80, 80]
    ewc = trained("split-digits:class", "avalanche/EWC", iterations=4, ewc_lambda=1.0)
    for task, cost in zip(ewc.scenario.tasks, ewc.outcome.costs, strict=True):
        assert cost.examples_forward == cost.examples_backward == 40 + len(task.training)


@pytest.mark.parametrize("kind", ["task", "class"])
def test_no_later_task_can_be_reached(kind: str) -> None:
    from strategies.bridge.memory import reached

    spec = tiny_spec(f"split-digits:{kind}", "avalanche/Replay", iterations=3, mem_size=20)
    whole = trainer_for(spec).scenario
    tasks = [replace(task, training=Closed(task.training), validation=Closed(task.validation)) for task in whole.tasks]
    scenario = replace(whole, tasks=tuple(tasks), test=tuple(map(Closed, whole.test)))
    trainer = trainer_for(spec, scenario)
    for task in scenario.tasks[:3]:
        task.training.open = True  # type: ignore[attr-defined]
        trainer.learn(task.index)
        held = {id(value) for value in reached(trainer.strategy)}
        later = [it for other in scenario.tasks[task.index + 1 :] for it in (other, other.training)]
        assert not held & {id(it) for it in (scenario, *scenario.test, *later)}


def test_a_run_is_made_again_from_its_one_checkpoint() -> None:
    taken: list[Checkpoint] = []
    spec = tiny_spec("split-digits:class", "avalanche/Replay", iterations=5, mem_size=50)
    whole = trainer_for(spec, keep=lambda checkpoint: taken.append(copy.deepcopy(checkpoint)), every=-1.0)
    whole.run()
    assert [checkpoint.facts["position"]["task"] for checkpoint in taken] == [0]
    again = trainer_for(spec)
    again.run(taken[0])
    assert torch.equal(weights(again), weights(whole))
    assert matrix(again) == matrix(whole)


def test_an_interruption_within_a_task_is_heard() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "avalanche/Naive", iterations=500))
    trainer.interruption.asked = True
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


def test_a_loss_that_is_not_finite_ends_it() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "avalanche/Naive", iterations=60, lr=1e20))
    with pytest.raises(Diverged, match=r"the loss was (nan|inf) at step \d+ of task 1"):
        trainer.run()


def test_its_record_is_whole(tmp_path: Path) -> None:
    spec = tiny_spec(
        "split-digits:class,tasks=2",
        "avalanche/Replay",
        iterations=5,
        mem_size=50,
        properties=("calibration", "sharpness"),
    )
    record = run(RunRequest(spec, tmp_path))
    assert record.status == "completed", record.reason
    assert read_record(tmp_path) == record
    assert record.spec.hyperparameters == {"mem_size": 50}
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", "predictions.safetensors"}
    for each in record.properties.values():
        assert all(value is not None for value in each.values[-1])
    assert all(cost.bytes_remembered > 0 and cost.examples_forward > 0 for cost in record.costs)


def test_measuring_changes_nothing() -> None:
    spec = tiny_spec("split-digits:class,tasks=2", "avalanche/Replay", iterations=5, mem_size=50)
    plain = trainer_for(spec)
    measured = trainer_for(spec)
    measured.replica.measure = lambda task: copy.deepcopy(measured.strategy).eval().requires_grad_(False)
    for trainer in (plain, measured):
        trainer.run()
    assert torch.equal(weights(plain), weights(measured))
    assert plain.outcome.costs[-1].examples_forward == measured.outcome.costs[-1].examples_forward


def test_what_is_asked_for_wrongly_is_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match=r"has no option 'memsize'; did you mean 'mem_size'\? \(known: mem_size\)$"):
        bind_hyperparameters("avalanche/Replay", {"memsize": 5})
    with pytest.raises(RequestError, match=r"^avalanche/EWC needs a value for ewc_lambda"):
        bind_hyperparameters("avalanche/EWC", {})
    with pytest.raises(RequestError, match=r"mem_size=many is not possible"):
        bind_hyperparameters("avalanche/Replay", {"mem_size": "many"})
    with pytest.raises(RequestError, match=r"no strategy 'avalanche/Reply' in Avalanche; did you mean 'Replay'\?"):
        STRATEGIES.get("avalanche/Reply")
    with pytest.raises(RequestError, match=r"no strategy 'avalanche'; did you mean 'avalanche/NAME'\?"):
        STRATEGIES.get("avalanche")
    with pytest.raises(RequestError, match=r"no strategy 'torch/EWC'"):
        STRATEGIES.get("torch/EWC")


def test_what_it_cannot_do_is_refused_in_one_line() -> None:
    assert "owns its training loop: --schedule" in refusal("avalanche/Naive", schedule="plateau")
    assert "owns its training loop: --evaluate-every" in refusal("avalanche/Naive", evaluate_every=5)
    packnet = {"post_prune_epochs": 1, "prune_proportion": 0.5}
    assert "must be told the task" in refusal("avalanche/PackNet", epochs=2, **packnet)
    assert "give a budget in --epochs" in refusal("avalanche/PackNet", iterations=5, **packnet)
    assert "pictures of (1, 28, 28) alone" in refusal("avalanche/GenerativeReplay", epochs=1)
    assert "has no batch of batch_size_mem=10" in refusal("avalanche/FeatureReplay", mem_size=9)
    assert "over 10 classes has no batch of 10 of each" in refusal("avalanche/ER_AML", mem_size=99)


def test_without_avalanche_or_a_package_it_needs_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    for missing, name, says in (
        ("avalanche", "avalanche/MAS", r"^avalanche/MAS needs Avalanche, which is not installed: pip install "),
        ("quadprog", "avalanche/GEM", r"^avalanche/GEM needs a package that is not installed: pip install quadprog$"),
    ):
        STRATEGIES._loaded.pop(name, None)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda it, missing=missing: None if it == missing else found(it)
        )
        with pytest.raises(RequestError, match=says):
            STRATEGIES.get(name)
        monkeypatch.undo()


def test_names_are_read_from_the_source_and_all_are_there() -> None:
    import avalanche.training.supervised as theirs

    exported = {
        name
        for name, value in vars(theirs).items()
        if isinstance(value, type)
        and value.__module__.startswith("avalanche.training.supervised.")
        and hasattr(value, "train")
        and not name.startswith("_")
    }
    assert exported
    assert exported <= set(names())
    assert set(CANNOT) | set(FURTHER) <= set(names())
    script = "import sys; from strategies.avalanche import names; assert names(); assert 'avalanche' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_every_name_has_hyperparameters_or_a_reason() -> None:
    provided = {"model", "optimizer", "criterion", "train_epochs", "plugins", "device"}
    for name in names():
        missing = name in FURTHER and importlib.util.find_spec(FURTHER[name]) is None
        if name in CANNOT or missing:
            with pytest.raises(RequestError, match=rf"^avalanche/{name} [^\n]+$"):
                STRATEGIES.get(f"avalanche/{name}")
        else:
            assert not provided & set(hyperparameters_of(f"avalanche/{name}"))


def test_the_digest_is_that_of_its_source_as_well() -> None:
    from scenarios.registry import source_digest

    digests = {source_digest(STRATEGIES.get(f"avalanche/{name}")) for name in ("DER", "ICaRL", "Naive")}
    assert len(digests) == 3
