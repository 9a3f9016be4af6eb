"""Data larger than the threshold is gone through without ever being in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benches.memory import most_memory
from benchmark.evaluation import evaluate
from benchmark.run import build_strategy
from benchmark.spec import RunSpec
from scenarios import rows
from scenarios.examples import TensorExamples
from scenarios.scenario import scenario_reference

PEAK = Path("/proc/self/clear_refs")


def forget_peak() -> float:
    """Let the most memory held be counted anew; what is held now, in MB."""
    try:
        PEAK.write_text("5")
    except OSError:
        pytest.skip("the most memory that a process held cannot be counted anew here")
    return most_memory()


@pytest.mark.parametrize("large", [2**20, 2**30])
def test_an_array_in_its_file_takes_a_few_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(rows, "LARGE", large)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (50_000, 3, 32, 32))
    for part in np.split(x, 50):
        part[:] = 7
    x.flush()
    del x, part
    np.save(tmp_path / "y.npy", np.arange(50_000) % 4)
    before = forget_peak()
    scenario = scenario_reference(f"{tmp_path}:class,tasks=2").build()
    assert scenario.digest
    spec = RunSpec.checked(
        scenario=scenario.name, strategy="naive", network="mlp:8", iterations=1, seeds={"init": 0, "order": 0}
    )
    strategy = build_strategy(spec, scenario)
    training = scenario.tasks[0].training
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    assert sum(len(y) for _, y, _ in training.batches(order, 10)) == 18_000
    evaluate(strategy, scenario, 1, torch.device("cpu"))
    assert isinstance(training, TensorExamples)
    grown = most_memory() - before
    if large > 50_000 * 3 * 32 * 32:
        assert grown > 150, "154 MB in memory are seen: the figure below means something"
    else:
        assert grown < 75
