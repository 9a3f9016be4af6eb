"""Avalanche on Split Fashion-MNIST, by its own API, under the protocol of the rows "avalanche".

python -m fidelity.peers.avalanche                         all entries, three seeds each
python -m fidelity.peers.avalanche domain/naive --seeds 5  some of them, other seeds

Each entry is made with the class of Avalanche that `ENTRIES` names, `SimpleMLP` 784-400-400, plain SGD at 0.05,
batches of 128 and one pass; the seed goes to torch, numpy and random. What was found is kept in avalanche.json, with
the command that makes it again; entries that are not asked for stay as they were.
"""

import argparse
import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from fidelity.peers import measuring
from fidelity.peers.measuring import TASKS
from scenarios.sources.source import Source, load_source

FOUND = Path(__file__).with_suffix(".json")

LR = 0.05
BATCH = 128


@dataclass(frozen=True)
class Entry:
    """A strategy of Avalanche, and the kind of scenario it learns.

    Attributes:
        kind: "task": task labels and a head for each; "domain": labels 0 and 1 in every task, one head; "class": one
            head with all ten outputs from the start.
        strategy: a class of `avalanche.training.supervised`.
        options: its arguments, beside those that all have.
    """

    kind: str
    strategy: str
    options: dict[str, Any] = field(default_factory=dict)


GEM = {"patterns_per_exp": 200, "memory_strength": 0.5}
AGEM = {"patterns_per_exp": 200, "sample_size": 128}
REPLAY = {"mem_size": 500}

ENTRIES = {
    "domain/naive": Entry("domain", "Naive"),
    "domain/joint": Entry("domain", "JointTraining"),
    "domain/cumulative": Entry("domain", "Cumulative"),
    "domain/replay": Entry("domain", "Replay", REPLAY),
    "domain/agem": Entry("domain", "AGEM", AGEM),
    "domain/gem": Entry("domain", "GEM", GEM),
    "task/joint": Entry("task", "JointTraining"),
    "task/replay": Entry("task", "Replay", REPLAY),
    "task/agem": Entry("task", "AGEM", AGEM),
    "task/gem": Entry("task", "GEM", GEM),
    "class/cumulative": Entry("class", "Cumulative"),
    "class/gem": Entry("class", "GEM", GEM),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m fidelity.peers.avalanche", description="Measure Avalanche.")
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help=", ".join(ENTRIES))
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N − 1 (3)")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.entries) - set(ENTRIES):
        parser.error(f"{', '.join(sorted(unknown))}: the entries are {', '.join(ENTRIES)}")
    torch.set_num_threads(1)
    source = load_source("fashion")
    for name in asked.entries or ENTRIES:
        matrices = [run(ENTRIES[name], source, seed) for seed in range(asked.seeds)]
        keep(name, [{"seed": seed, "accuracy": matrix} for seed, matrix in enumerate(matrices)])
        finals = [100 * float(np.mean(matrix[-1])) for matrix in matrices]
        print(f"{name}: {np.mean(finals):.2f} ± {np.std(finals, ddof=1) if len(finals) > 1 else 0:.2f}", flush=True)


def run(entry: Entry, source: Source, seed: int) -> list[list[float]]:
    """The accuracy on every task [tasks], after each task that is learned; after all for joint training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loggers that this does not use
        models, supervised, plugins = (
            import_module(f"avalanche.{name}") for name in ("models", "training.supervised", "training.plugins")
        )
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what Avalanche draws from)
        torch.manual_seed(seed)
        model = models.SimpleMLP(2 if entry.kind != "class" else 10, hidden_size=400, hidden_layers=2, drop_rate=0)
        if entry.kind == "task":
            model = models.as_multitask(model, "classifier")
        benchmark = streams(entry.kind, source)
        strategy = getattr(supervised, entry.strategy)(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=LR),
            criterion=nn.CrossEntropyLoss(),
            train_mb_size=BATCH,
            eval_mb_size=1024,
            train_epochs=1,
            evaluator=plugins.EvaluationPlugin(metric(), loggers=[]),
            **entry.options,
        )
        if entry.strategy == "JointTraining":
            strategy.train(benchmark.train_stream, num_workers=0)
            return [tested(strategy, benchmark)]
        rows = []
        for experience in benchmark.train_stream:
            strategy.train(experience, num_workers=0)
            rows.append(tested(strategy, benchmark))
        return rows


def metric() -> Any:
    from avalanche.evaluation.metrics import accuracy_metrics

    return accuracy_metrics(experience=True)


def tested(strategy: Any, benchmark: Any) -> list[float]:
    """The accuracy on the test examples of each task."""
    found = strategy.eval(benchmark.test_stream, num_workers=0)
    by_task = {int(name[-3:]): value for name, value in found.items() if "Top1_Acc_Exp" in name}
    return [round(float(by_task[task]), 6) for task in range(TASKS)]


def streams(kind: str, source: Source) -> Any:
    """The five tasks of two classes, in natural order."""
    from avalanche.benchmarks import nc_benchmark

    mean, deviation = source.statistics
    train, test = (
        Labelled(((x.float() / 255 - mean) / deviation).flatten(1), y)
        for x, y in ((source.x, source.y), (source.test_x, source.test_y))
        if isinstance(x, Tensor)
    )
    return nc_benchmark(
        train,
        test,
        n_experiences=TASKS,
        task_labels=kind == "task",
        class_ids_from_zero_in_each_exp=kind != "class",
        fixed_class_order=list(range(10)),
        train_transform=None,
        eval_transform=None,
    )


class Labelled(TensorDataset):
    """Tensors in memory, with the labels where Avalanche looks for them."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__(x, y)
        self.targets = y.tolist()


def keep(name: str, runs: list[dict[str, Any]], path: Path = FOUND) -> None:
    """Write down what was found of one entry."""
    import avalanche

    made_with = {"avalanche": avalanche.__version__, "torch": torch.__version__}
    entry = ENTRIES[name]
    found = {
        "command": f"python -m fidelity.peers.avalanche {name} --seeds {len(runs)}",
        "strategy": entry.strategy,
        "options": entry.options,
        "runs": runs,
    }
    measuring.keep(path, ENTRIES, made_with, name, found)


if __name__ == "__main__":
    main()
