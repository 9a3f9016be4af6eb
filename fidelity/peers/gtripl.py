"""GT-RIPL's Continual-Learning-Benchmark (Hsu et al. 2018) on Split Fashion-MNIST, by its own code, for "gtripl-here".

python -m fidelity.peers.gtripl CLONE                     all entries, three seeds each
python -m fidelity.peers.gtripl CLONE task/l2 --seeds 5   some of them, other seeds

CLONE is one of GT-RIPL/Continual-Learning-Benchmark. Each entry is a call of its `iBatchLearn.py` with the arguments
of its scripts `split_MNIST_incremental_*.sh`, coefficients included; the images are Fashion-MNIST, padded and scaled
as it does MNIST's, and the seed, of which it has none, goes to torch and random.

Two agents are its own with something set: `MAS_2000` and `EWC_2000` (else `EWC_online_mnist`) estimate importance from
2000 single examples of a task, not from batches or from all, and the latter by the labels of the data (`empFI`).
"""

import random
import tempfile
import warnings
from contextlib import chdir, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Subset

from fidelity.peers.measuring import TASKS, Accuracies, Peer, importable
from scenarios.sources.source import Source

KINDS = {
    "task": "--force_out_dim 0",
    "domain": "--force_out_dim 2",
    "class": "--force_out_dim 10 --incremental_class --no_class_remap",
}
ALWAYS = "--gpuid -1 --workers 0 --print_freq 0 --dataset Fashion --batch_size 128 --schedule 4 --model_name MLP400"

SAMPLES = 2000

MEAN, DEVIATION = 0.1, 0.2752
"""Of MNIST's padded images, in its `dataloaders/base.py`."""


def entry(kind: str, agent: str, coefficient: float) -> dict[str, str]:
    """What `iBatchLearn.py` is called with; agent is "FILE AGENT"."""
    file, name = agent.split()
    options = f"--optimizer Adam --lr 0.001 --agent_type {file} --agent_name {name} --reg_coef {coefficient}"
    return {"iBatchLearn.py": f"{KINDS[kind]} {options}"}


ENTRIES = {
    "task/l2": entry("task", "regularization L2", 0.01),
    "domain/l2": entry("domain", "regularization L2", 0.5),
    "class/l2": entry("class", "regularization L2", 100),
    "task/si": entry("task", "regularization SI", 300),
    "domain/si": entry("domain", "regularization SI", 3000),
    "task/mas": entry("task", "regularization MAS", 1),
    "domain/mas": entry("domain", "regularization MAS", 10000),
    "task/mas 2000": entry("task", "altered MAS_2000", 1),
    "domain/mas 2000": entry("domain", "altered MAS_2000", 10000),
    "task/online-ewc 2000": entry("task", "altered EWC_2000", 400),
    "domain/online-ewc 2000": entry("domain", "altered EWC_2000", 700),
}


def run(name: str, clone: Path, source: Source, seed: int) -> Accuracies:
    """The accuracy on each task seen so far, after each task."""
    importable(clone)
    main, base, agents = (import_module(each) for each in ("iBatchLearn", "dataloaders.base", "agents"))
    arguments = main.get_args([*ENTRIES[name]["iBatchLearn.py"].split(), *ALWAYS.split()])
    arguments.reg_coef = arguments.reg_coef[0]  # as its own main part does: it takes a list of them
    random.seed(seed)
    torch.manual_seed(seed)
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        redirect_stdout(StringIO()),
        patch.object(base, "Fashion", lambda root, augmented: images(source), create=True),
        patch.object(agents, "altered", altered(agents), create=True),
    ):
        warnings.simplefilter("ignore")  # that its scheduler is given the number of the pass
        found, tasks = main.run(arguments)
    return [[round(found[tested][learned] / 100, 6) for tested in tasks[: at + 1]] for at, learned in enumerate(tasks)]


def images(source: Source) -> tuple[Any, Any]:
    """Training and test images as its data loaders give them."""
    cached: Any = import_module("dataloaders.wrapper").CacheClassLabel

    class Cached(cached):
        """The labels at hand, without a file of them."""

        def __init__(self, x: Tensor, y: Tensor) -> None:
            scaled = (pad(x, [2] * 4).float() / 255 - MEAN) / DEVIATION
            self.dataset = list(zip(scaled, y.tolist(), strict=True))
            self.labels = y
            self.number_classes = 2 * TASKS

    inputs, test_inputs = source.in_memory
    return Cached(inputs, source.y), Cached(test_inputs, source.test_y)


def altered(agents: Any) -> SimpleNamespace:
    """Its agents with what its options set otherwise."""

    def mas_2000(config: dict[str, Any]) -> Any:
        agent = agents.regularization.MAS(config)
        estimate = agent.calculate_importance

        def from_some(batches: Any) -> Any:
            some = random.sample(range(len(batches.dataset)), SAMPLES)
            return estimate(DataLoader(Subset(batches.dataset, some), batch_size=1))

        agent.calculate_importance = from_some
        return agent

    def ewc_2000(config: dict[str, Any]) -> Any:
        agent = agents.customization.EWC_online_mnist(config)
        agent.n_fisher_sample = SAMPLES
        agent.empFI = True
        return agent

    return SimpleNamespace(MAS_2000=mas_2000, EWC_2000=ewc_2000)


GTRIPL = Peer("gtripl", "GT-RIPL/Continual-Learning-Benchmark", ENTRIES, run)

if __name__ == "__main__":
    GTRIPL.main()
