"""Context-dependent gating: which units a task has, and that the others neither speak nor learn."""

import torch
from support import tiny_spec, trained, trainer_for
from torch import Tensor

from strategies.strategy import Batch
from strategies.xdg import XdG


def begun(share: float = 0.8) -> tuple[XdG, Batch]:
    trainer = trainer_for(tiny_spec("split-digits:task", "xdg", share=share, network="mlp:24x16", iterations=3))
    trainer.learn(0)
    strategy, (x, y) = trainer.strategy, trainer.scenario.tasks[0].training.batch(torch.arange(7))
    assert isinstance(strategy, XdG)
    return strategy, Batch(x, y, torch.tensor([0]), strategy.masks, torch.tensor(1.0), torch.tensor(0), 7)


def test_each_task_keeps_exactly_its_share_of_every_layer_open() -> None:
    strategy, batch = begun(0.8)
    for task in range(5):
        first, second = strategy.gates(batch._replace(task=torch.tensor([task])))
        assert first.sum() == 24 - 19, "⌊0.8 · 24⌋ = 19 are shut"
        assert second.sum() == 16 - 12, "⌊0.8 · 16⌋ = 12 are shut"
    assert len({tuple(row.tolist()) for row in strategy.get_buffer("open_0")}) == 5, "tasks have gates of their own"


def test_gates_never_change_and_are_known_for_tasks_to_come() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "xdg", iterations=3))
    trainer.learn(0)
    first = [trainer.strategy.get_buffer(f"open_{layer}").clone() for layer in range(2)]
    assert [gates.shape for gates in first] == [(5, 24), (5, 16)]
    for index in range(1, 5):
        trainer.learn(index)
    assert all(torch.equal(gates, trainer.strategy.get_buffer(f"open_{layer}")) for layer, gates in enumerate(first))


def test_shut_units_are_silent_and_the_rest_is_the_network() -> None:
    strategy, batch = begun()
    strategy.eval()
    hidden, output = strategy.network.hidden, strategy.network.output  # type: ignore[union-attr]
    answers: list[Tensor] = []
    for task in (0, 1):
        at = batch._replace(task=torch.tensor([task]), masks=torch.ones(5, 10, dtype=torch.bool))
        x = batch.x.flatten(1).float() / 255
        for layer in range(2):
            gate = strategy.get_buffer(f"open_{layer}")[task].float()
            x = torch.relu(hidden[layer](x)) * gate  # type: ignore[index, operator]
        assert torch.allclose(strategy(at), output(x), atol=1e-6)
        answers.append(strategy(at))
    assert not torch.equal(*answers)
    mixed = batch._replace(task=torch.tensor([0, 1, 0, 1, 0, 1, 0]), masks=torch.ones(5, 10, dtype=torch.bool))
    rows = torch.stack([answers[row % 2][row] for row in range(7)])
    assert torch.allclose(strategy(mixed), rows, atol=1e-6), "one task an example"


def test_weights_of_shut_units_do_not_move() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "xdg", iterations=3))
    trainer.learn(0)
    before = {name: value.detach().clone() for name, value in trainer.strategy.network.named_parameters()}
    trainer.learn(1)
    for layer in range(2):
        shut = ~trainer.strategy.get_buffer(f"open_{layer}")[1]
        for kind in ("weight", "bias"):
            old, new = (
                values[f"hidden.{layer}.{kind}"]
                for values in (before, dict(trainer.strategy.network.named_parameters()))
            )
            assert torch.equal(old[shut], new[shut])
            assert not torch.equal(old[~shut], new[~shut])


def test_it_forgets_less_than_naive() -> None:
    forgotten = {}
    for name in ("xdg", "naive"):
        rows = [
            row.accuracy for row in trained("split-digits:task", name, epochs=10, network="mlp:200x200").outcome.rows
        ]
        forgotten[name] = max(rows[j + 1][j] - rows[5][j] for j in range(4))
    assert forgotten["xdg"] < forgotten["naive"] - 0.02, forgotten
