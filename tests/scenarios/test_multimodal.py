"""Images, signals, tables and symbols through one network."""

import torch
from support import replica_for, tiny_spec, trainer_for

from benchmark.trainer import Trainer
from scenarios.multimodal import packed, pairs
from scenarios.scenario import scenario_reference
from strategies.networks.network import build_network
from strategies.networks.stems import WIDTH, Stems


def test_an_input_is_its_modality_its_numbers_and_zeros() -> None:
    x = packed(torch.tensor([[[255, 0]]], dtype=torch.uint8), modality=2, length=4)
    assert x.tolist() == [[2.0, 1.0, 0.0, 0.0, 0.0]]


def test_no_pair_of_symbols_nor_its_mirror_is_in_training_and_in_test() -> None:
    source = pairs()
    x, test_x = source.in_memory
    assert len(x) + len(test_x) == 380
    assert 0.15 < len(test_x) / 380 < 0.25

    def unordered(rows: torch.Tensor) -> set[tuple[int, ...]]:
        return {tuple(sorted(row.view(2, -1).argmax(1).tolist())) for row in rows}

    assert not unordered(x) & unordered(test_x)
    first, second = x[0].view(2, -1).argmax(1).tolist()
    assert source.labels[source.y[0]] == ("first" if first < second else "second")


def test_every_input_goes_through_its_own_stem_alone() -> None:
    scenario = scenario_reference("multimodal:class").build(seed=1)
    assert sorted(task.name for task in scenario.tasks) == ["images", "signals", "symbols", "tables"]
    network = build_network("mlp:16", scenario)
    assert isinstance(network, Stems)
    batches = [task.training.batch(torch.arange(3))[0] for task in scenario.tasks]
    x = torch.cat(batches)  # modalities mixed, as in rehearsal
    whole = network(x)
    for place, (batch, task) in enumerate(zip(batches, scenario.tasks, strict=True)):
        number = int(batch[0, 0])
        assert scenario.modalities[number].name == task.name
        inputs = batch[:, 1 : 1 + scenario.modalities[number].size]
        hidden = torch.relu(network.stems[number](inputs))
        by_hand = network.trunk.output(network.trunk.features(hidden))
        assert torch.allclose(whole[3 * place : 3 * place + 3], by_hand, atol=1e-6)
    network(batches[0]).sum().backward()
    trained = [stem.weight.grad is not None and bool(stem.weight.grad.any()) for stem in network.stems]
    assert trained == [number == int(batches[0][0, 0]) for number in range(4)]


def test_stems_are_a_layer_that_hat_protects() -> None:
    scenario = scenario_reference("multimodal").build()
    network = build_network("mlp:16x8", scenario)
    assert network.gateable == (WIDTH, 16, 8)
    assert network.connections["trunk.hidden.0.weight"] == (1, 0)
    assert network.connections["trunk.hidden.1.weight"] == (2, 1)
    assert network.connections["trunk.hidden.0.bias"] == (1, None)
    assert set(network.connections) == {
        name for name, _ in network.named_parameters() if not name.startswith("trunk.output")
    }
    trainer = trainer_for(tiny_spec("multimodal", "hat", network="mlp:16x8", epochs=3), scenario)
    trainer.run()
    accuracies = [row.accuracy for row in trainer.outcome.rows]
    for task in range(4):
        after = {row[task] for row in accuracies[task + 1 :]}
        assert max(float(each or 0) for each in after) - min(float(each or 0) for each in after) < 0.1


def test_replicas_take_the_steps_that_each_would_alone() -> None:
    scenario = scenario_reference("multimodal:class").build()
    specs = [tiny_spec("multimodal:class", "rehearsal", seed, iterations=5) for seed in (0, 1)]
    alone = [trainer_for(spec, scenario) for spec in specs]
    for trainer in alone:
        trainer.run()
    together = [replica_for(spec, scenario) for spec in specs]
    Trainer(together).run()
    for trainer, replica in zip(alone, together, strict=True):
        own, stacked = trainer.strategy.state_dict(), replica.strategy.state_dict()
        for name, tensor in own.items():
            assert torch.allclose(tensor, stacked[name], atol=1e-4), name
