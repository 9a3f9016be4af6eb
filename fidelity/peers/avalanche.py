"""Avalanche on Split Fashion-MNIST, by its own API, under the protocol of the rows "avalanche".

python -m fidelity.peers.avalanche                         all entries, three seeds each
python -m fidelity.peers.avalanche domain/naive --seeds 5  some of them, other seeds

Each entry is made with the class of Avalanche that `ENTRIES` names, `SimpleMLP` 784-400-400 or what takes its place
there, plain SGD at 0.05, batches of 128 and one pass; the seed goes to torch, numpy and random. What was found is kept
in avalanche.json, with the command that makes it again; entries that are not asked for stay as they were.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from fidelity.peers import measuring
from fidelity.peers.measuring import TASKS
from scenarios.bridge.surroundings import quiet
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
        strategy: a class of `avalanche.training.supervised`, or a plug-in of `avalanche.training.plugins`, which
            Naive is given.
        options: its arguments, beside those that all have; `train_epochs` is 1 where it is not said.
        way: what is done beside making it: "online": every batch is an experience of its own, as MIR of Avalanche is
            meant to be used (otherwise what it replays lags a task behind); "summed": see `summed`; "frozen": the
            hidden layers are frozen by its `freeze_up_to` after the first task.
    """

    kind: str
    strategy: str
    options: dict[str, Any] = field(default_factory=dict)
    way: Literal["", "online", "summed", "frozen"] = ""


GEM = {"patterns_per_exp": 200, "memory_strength": 0.5}
AGEM = {"patterns_per_exp": 200, "sample_size": 128}
REPLAY = {"mem_size": 500}
MIR = {"mem_size": 500, "subsample": 250, "batch_size_mem": 50}
MAS = {"lambda_reg": 0.1}
RWALK = {"ewc_lambda": 10.0}
GDUMB = {"mem_size": 500, "train_epochs": 20}
PACKNET = {"train_epochs": 2, "post_prune_epochs": 1, "prune_proportion": 0.75}

ENTRIES = {
    "domain/naive": Entry("domain", "Naive"),
    "domain/joint": Entry("domain", "JointTraining"),
    "domain/cumulative": Entry("domain", "Cumulative"),
    "domain/replay": Entry("domain", "Replay", REPLAY),
    "domain/agem": Entry("domain", "AGEM", AGEM),
    "domain/gem": Entry("domain", "GEM", GEM),
    "domain/mas": Entry("domain", "MAS", MAS, "summed"),
    "domain/rwalk": Entry("domain", "RWalkPlugin", RWALK),
    "task/joint": Entry("task", "JointTraining"),
    "task/replay": Entry("task", "Replay", REPLAY),
    "task/frozen": Entry("task", "Naive", way="frozen"),
    "task/agem": Entry("task", "AGEM", AGEM),
    "task/gem": Entry("task", "GEM", GEM),
    "task/mas": Entry("task", "MAS", MAS, "summed"),
    "task/rwalk": Entry("task", "RWalkPlugin", RWALK),
    "task/packnet": Entry("task", "PackNet", PACKNET),
    "task/pnn": Entry("task", "PNNStrategy"),
    "class/cumulative": Entry("class", "Cumulative"),
    "class/gdumb": Entry("class", "GDumb", GDUMB),
    "class/gem": Entry("class", "GEM", GEM),
    "class/mir": Entry("class", "MIR", MIR, "online"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m fidelity.peers.avalanche", description="Measure Avalanche.")
    asked = measuring.asked_of(parser, ENTRIES, arguments)
    torch.set_num_threads(1)
    source = load_source("fashion")
    for name in asked.entries:
        runs = [{"seed": seed, "accuracy": run(ENTRIES[name], source, seed)} for seed in range(asked.seeds)]
        keep(name, runs)
        print(f"{name}: {measuring.final(runs)}", flush=True)


Row = list[float | None]
"""Of a matrix of accuracies; None where a task was not asked about."""


def run(entry: Entry, source: Source, seed: int) -> list[Row]:
    """The accuracy on every task [tasks], after each task that is learned; after all for joint training."""
    with quiet():
        models, supervised, plugins = (
            import_module(f"avalanche.{name}") for name in ("models", "training.supervised", "training.plugins")
        )
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what Avalanche draws from)
        torch.manual_seed(seed)
        model = network(entry, models)
        benchmark = streams(entry.kind, source)
        options = dict(entry.options)
        name = entry.strategy
        if name.endswith("Plugin"):
            name, options = "Naive", {"plugins": [getattr(plugins, name)(**options)]}
        strategy = getattr(supervised, name)(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=LR),
            criterion=nn.CrossEntropyLoss(),
            train_mb_size=BATCH,
            eval_mb_size=1024,
            evaluator=plugins.EvaluationPlugin(metric(), loggers=[]),
            **{"train_epochs": 1, **options},
        )
        if entry.strategy == "JointTraining":
            strategy.train(benchmark.train_stream, num_workers=0)
            return [tested(strategy, benchmark.test_stream)]
        if entry.way == "summed":
            strategy.plugins.insert(0, summed(strategy))
        rows = []
        for done, experience in enumerate(benchmark.train_stream, 1):
            batches = [experience]
            if entry.way == "online":
                online = import_module("avalanche.benchmarks.scenarios.online").split_online_stream
                batches = online(batches, experience_size=BATCH)
            for batch in batches:
                strategy.train(batch, num_workers=0)
            if entry.way == "frozen" and done == 1:
                freeze = import_module("avalanche.training.utils").freeze_up_to
                freeze(model, layer_filter=lambda each: not each.layer_name.startswith("classifier"))
            # Asked about a task to come, PNN adds its column at once, and fixes it when it adds the next one.
            known = done if entry.strategy == "PNNStrategy" else TASKS
            rows.append(tested(strategy, benchmark.test_stream[:known]))
        return rows


def summed(strategy: Any) -> Any:
    """A plug-in that has MAS of Avalanche take its importances as its paper does.

    They are magnitudes for single examples, not for batches of the size that is trained with, and those of tasks are
    added up: a mean over tasks (α = (k − 1) / k after task k) under a strength that grows as k does.
    """
    plugins = import_module("avalanche.training.plugins")
    (mas,) = (plugin for plugin in strategy.plugins if isinstance(plugin, plugins.MASPlugin))
    strength = mas._lambda

    class Summed(plugins.SupervisedPlugin):  # type: ignore[name-defined]
        def after_training_epoch(self, strategy: Any, **_: Any) -> None:
            learned = strategy.clock.train_exp_counter
            strategy.train_mb_size, mas.alpha, mas._lambda = 1, learned / (learned + 1), strength * (learned + 1)

        def after_training(self, strategy: Any, **_: Any) -> None:
            strategy.train_mb_size = BATCH

    return Summed()


def network(entry: Entry, models: Any) -> Any:
    """What the strategy trains: two hidden layers of 400 units, in the form that it asks for.

    Those of PackNet and PNN know tasks by themselves. PackNet's has one output layer for all tasks, pruned as the
    hidden ones are; PNN's a head for each.
    """
    if entry.strategy == "PNNStrategy":
        return models.PNN(num_layers=2, in_features=784, hidden_features_per_column=400)
    plain = models.SimpleMLP(2 if entry.kind != "class" else 10, hidden_size=400, hidden_layers=2, drop_rate=0)
    if entry.strategy == "PackNet":
        return import_module("avalanche.models.packnet").PackNetModel(plain)
    return models.as_multitask(plain, "classifier") if entry.kind == "task" else plain


def metric() -> Any:
    from avalanche.evaluation.metrics import accuracy_metrics

    return accuracy_metrics(experience=True)


def tested(strategy: Any, stream: Any) -> Row:
    """The accuracy on the test examples of each task; a stream of the first ones leaves the others out."""
    found = strategy.eval(stream, num_workers=0)
    by_task = {int(name[-3:]): round(float(value), 6) for name, value in found.items() if "Top1_Acc_Exp" in name}
    return [by_task.get(task) for task in range(TASKS)]


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
        **({"way": entry.way} if entry.way else {}),
        "runs": runs,
    }
    measuring.keep(path, ENTRIES, made_with, name, found)


if __name__ == "__main__":
    main()
