"""A compiled step is the step as written, up to rounding, for every strategy; and resumes to its own bytes."""

import copy

import pytest
import torch
from support import TOGETHER, kinds_of, tiny_spec, trainer_for
from test_replicas import STEPS, alone_for, assert_close, losses, team_for

from benchmark.checkpoint import Checkpoint
from benchmark.spec import RunSpec
from benchmark.stepper import OFTEN


@pytest.fixture(autouse=True)
def _no_other_kernels() -> None:
    """torch keeps eight variants of a compiled function in a process, which the strategies before have used up."""
    torch.compiler.reset()


def spec_of(name: str, seed: int = 0) -> RunSpec:
    return tiny_spec(f"split-digits:{kinds_of(name)[0]},tasks=2", name, seed, iterations=60)


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


def test_without_a_compiler_it_says_so_once_and_runs_uncompiled(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    spec = tiny_spec("split-digits:class,tasks=2", "naive", iterations=40, network="mlp:23x17")
    trainer = trainer_for(spec, compiled=True)
    trainer.run()
    assert not trainer.stepper.compiled
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("naive does not compile and is run uncompiled: ")
    plain = trainer_for(spec)
    plain.run()
    assert torch.equal(trainer.strategy.network.output.weight, plain.strategy.network.output.weight)
