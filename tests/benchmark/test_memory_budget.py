"""One budget in bytes for all that a strategy remembers."""

import json
from pathlib import Path

import pytest
import torch
from support import Alone, kinds_of, replica_for, tiny_spec

from benchmark.run import build_strategy, load_scenario
from benchmark.trainer import OverBudget
from forgetless.cli import main
from forgetless.words import bytes_of
from scenarios.errors import RequestError
from scenarios.task import Task
from strategies.catalogue import STRATEGIES
from strategies.strategy import Batch, Strategy, hyperparameters_of

WITH_MEMORY = [name for name in STRATEGIES.entries() if "memory" in hyperparameters_of(name)]
BUDGET = 12_000


def trainer_within(name: str, budget: int) -> Alone:
    fields = {"hyperparameters": {}, "memory_budget": budget}
    spec = tiny_spec(f"split-digits:{kinds_of(name)[-1]}", name, epochs=1, network="mlp:4")
    own = {**spec.hyperparameters, "memory": None} if name in WITH_MEMORY else spec.hyperparameters
    return Alone(replica_for(spec.model_copy(update={**fields, "hyperparameters": own})))


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_the_budget_is_used_and_never_exceeded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_within(name, BUDGET)
    most = 0

    def watched(batch: Batch) -> Batch:
        nonlocal most
        prepared = prepare(batch)
        most = max(most, trainer.strategy.bytes_remembered())
        return prepared

    prepare = trainer.strategy.prepare
    monkeypatch.setattr(trainer.strategy, "prepare", watched)
    trainer.run()
    at_ends = [costs.bytes_remembered for costs in trainer.outcome.costs]
    assert max(most, *at_ends) <= BUDGET
    assert at_ends[-1] > 0.8 * BUDGET


def test_what_else_is_remembered_leaves_fewer_examples() -> None:
    scenario = load_scenario("split-digits:class", None, None)
    spec = tiny_spec("split-digits:class", "rehearsal+ewc", network="mlp:4")
    fields = {"memory_budget": BUDGET}
    both = build_strategy(spec.model_copy(update=fields), scenario)
    alone = tiny_spec("split-digits:class", "rehearsal", network="mlp:4")
    rehearsal = build_strategy(alone.model_copy(update=fields), scenario)
    weights = sum(parameter.numel() for parameter in rehearsal.network.parameters())
    row = 8 * 8 + 16
    assert rehearsal.memory.capacity == (BUDGET - 8) // row
    assert both.members[0].memory.capacity == (BUDGET - 8 - 2 * 4 * weights) // row


def test_a_strategy_that_does_not_fit_is_refused_before_it_starts() -> None:
    message = r"ewc with mlp:4 remembers [0-9,]+ bytes besides examples: --memory 100 has no room"
    with pytest.raises(RequestError, match=message):
        trainer_within("ewc", 100)


class Hoarder(Strategy):
    """Keeps more than it said."""

    def end_task(self, task: Task) -> None:
        self.register_buffer(f"kept_{task.index}", torch.zeros(100))


def test_one_that_outgrows_its_budget_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES._loaded, "naive", Hoarder)
    with pytest.raises(OverBudget, match="800 bytes are remembered after task 2, of 700"):
        trainer_within("naive", 700).run()


def test_growth_that_a_strategy_foresees_is_refused_before_it_starts() -> None:
    with pytest.raises(RequestError, match="hat with mlp:4 remembers 96 bytes besides examples"):
        trainer_within("hat", 95)
    trainer = trainer_within("hat", 96)
    trainer.run()
    assert trainer.outcome.costs[-1].bytes_remembered == 96


def test_on_the_command_line_it_is_recorded_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> int:
        asked = ("run", "split-digits:class", "rehearsal", "naive", "--iterations", "3", "--network", "mlp:4")
        monkeypatch.setattr("sys.argv", ["forgetless", *asked, "--out", str(tmp_path), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert call("--memory", "12kB") == 0
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("record.json")]
    assert len({record["protocol"] for record in records}) == 1
    for record in records:
        assert record["spec"]["memory_budget"] == 12_000
        assert record["spec"]["hyperparameters"].get("memory") is None
    assert call() == 0
    assert len({json.loads(path.read_text())["protocol"] for path in tmp_path.rglob("record.json")}) == 2
    capfd.readouterr()
    assert call("--memory", "12kB", "--set", "memory=3") == 2
    assert "with --memory, the bytes say how many" in capfd.readouterr().err
    assert call("--memory", "12 bananas") == 2
    assert "memory=12 bananas: give bytes, as 65536, 200kB" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "found"), [("65536", 65536), ("200kB", 200_000), ("1MB", 10**6), ("1.5 MiB", 3 * 2**19)]
)
def test_bytes_are_read_in_the_usual_units(text: str, found: int) -> None:
    assert bytes_of(text) == found
