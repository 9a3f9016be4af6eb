"""A compiled step is the step as written, up to rounding, for every strategy; and resumes to its own bytes."""

import copy

import pytest
import torch
from support import TOGETHER, Alone, kinds_of, replica_for, tiny_spec, trainer_for
from test_replicas import STEPS, Losses, alone_for, assert_close, losses, team_for
from torch import Tensor

from benchmark.checkpoint import Checkpoint
from benchmark.replica import Replica
from benchmark.spec import RunSpec
from benchmark.stepper import KERNELS, MOST_KERNELS, OFTEN
from scenarios.task import Task
from strategies.networks.network import Network, build_network
from strategies.strategy import Batch, Strategy


def spec_of(name: str, seed: int = 0) -> RunSpec:
    return tiny_spec(f"split-digits:{kinds_of(name)[0]},tasks=2", name, seed, iterations=40)


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in TOGETHER))
def test_it_compiles_and_is_the_same(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    taken: list[Checkpoint] = []
    compiled = trainer_for(spec_of(name), compiled=True, keep=lambda it: taken.append(copy.deepcopy(it)), every=-1.0)
    compiled.replica.observer = alone_for(spec_of(name)).replica.observer
    compiled.run()
    assert compiled.stepper.compiled, capfd.readouterr().err
    assert capfd.readouterr().err == ""
    assert max(compiled.stepper.seen.values()) > OFTEN, "no step was compiled"
    alone = alone_for(spec_of(name))
    alone.run()
    assert losses(compiled.replica) != losses(alone.replica), "to the last bit it would not have been compiled"
    assert_close(compiled.replica, alone.replica, STEPS.get(name, 200))
    resumed = trainer_for(spec_of(name), compiled=True)
    resumed.run(taken[len(taken) // 2])
    mine, other = resumed.strategy.state_dict(), compiled.strategy.state_dict()
    assert all(torch.equal(mine[key], other[key]) for key in other)


@pytest.mark.parametrize("name", ["hat", "rehearsal"])
def test_replicas_compile_as_well(name: str) -> None:
    specs = [spec_of(name, seed) for seed in range(3)]
    team = team_for(specs, compiled=True)
    team.run()
    assert team.stepper.compiled
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica)


def whole(loss: Tensor) -> Tensor:
    return loss


def root(loss: Tensor) -> Tensor:
    return loss.sqrt()


class Turning(Strategy):
    """It changes between tasks what the compiler takes for constant, and a function, of which it is not told."""

    def __init__(self, network: Network, change: str) -> None:
        super().__init__(network)
        self.change, self.factor, self.turn = change, 1.0, whole

    def start_task(self, task: Task) -> None:
        if task.index and self.change == "a number":
            self.factor = 0.5
        if task.index and self.change == "a function":
            self.turn = root

    def loss(self, batch: Batch) -> Tensor:
        return self.turn(super().loss(batch)) * self.factor


@pytest.mark.parametrize("change", ["a number", "a function"])
def test_what_changes_between_tasks_is_compiled_anew(change: str) -> None:
    def trained(*, compiled: bool) -> Replica:
        spec = spec_of("naive")
        scenario = replica_for(spec).scenario
        torch.manual_seed(0)
        strategy = Turning(build_network(spec.network, scenario), change)
        trainer = Alone(Replica(strategy, scenario, spec, Losses()), compiled=compiled)
        trainer.run()
        return trainer.replica

    assert_close(trained(compiled=True), trained(compiled=False))


def test_runs_of_other_seeds_share_a_compiled_step() -> None:
    for seed in range(2):
        trainer_for(spec_of("naive", seed), compiled=True).run()
        kernels = list(KERNELS)
        assert kernels
    trainer_for(spec_of("naive", 2), compiled=True).run()
    assert kernels == KERNELS
    other = tiny_spec("split-digits:task,tasks=2", "l2", iterations=60, strength=2.0)
    trainer_for(other, compiled=True).run()
    again = tiny_spec("split-digits:task,tasks=2", "l2", iterations=60, strength=3.0)
    before = len(KERNELS)
    trainer_for(again, compiled=True).run()
    assert len(KERNELS) == min(before + 1, MOST_KERNELS)


def test_without_a_compiler_it_says_so_once_and_runs_uncompiled(capfd: pytest.CaptureFixture[str]) -> None:
    from torch._inductor import config

    spec = tiny_spec("split-digits:class,tasks=2", "naive", iterations=40, network="mlp:23x17")
    trainer = trainer_for(spec, compiled=True)
    with config.patch({"cpp.cxx": ("no-such-compiler",)}):
        trainer.run()
    assert not trainer.stepper.compiled
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("naive does not compile and is run uncompiled: ")
    plain = trainer_for(spec)
    plain.run()
    assert torch.equal(trainer.strategy.network.output.weight, plain.strategy.network.output.weight)
