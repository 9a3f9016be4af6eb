"""Plain fine-tuning, ours and Avalanche's, on our scenarios exported and on Avalanche's own benchmarks.

python -m benches.avalanche_scenarios [--seeds 5] prints a table: accuracy over all tasks after the last, in %; with
--write it goes into docs/avalanche-scenarios.md.
"""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmark.replica import Replica
from benchmark.run import build_strategy
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer
from scenarios.avalanche import export, from_avalanche
from scenarios.bridge.surroundings import everyones_randomness, quiet
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario

HIDDEN, RATE, BATCH = 100, 0.05, 10
PAGE = Path(__file__).parents[1] / "docs" / "avalanche-scenarios.md"
TEXT = """# Scenarios to and from Avalanche

Any classic benchmark of Avalanche is a scenario, with its class order kept; any benchmark object becomes one in Python,
and any scenario of ours a benchmark:

    forgetless run avalanche/SplitFMNIST:class,tasks=5 naive rehearsal

```python
from scenarios.avalanche import export, from_avalanche

scenario = from_avalanche(benchmark, name="mine")  # nc_benchmark, ni_benchmark, benchmark_from_datasets, …
benchmark = export(scenario)  # train, valid and test streams; task labels where the task is told
```

`tasks` is their `n_experiences`; `kind` says whether task labels are returned. Other options are the arguments of
their function that can be written as text (`fixed_class_order=3+1+4+…`, `seed=7`). Without a seed classes come in their
natural order, as with ours. Images are read once, under the transforms of their evaluation without its
normalisation, and kept as bytes where they are bytes. Data is looked for in `--data` and `$FORGETLESS_DATA`;
Fashion-MNIST and MNIST wherever our own sources find them. A benchmark whose test stream does not go with its
training stream, or that comes example by example, is refused in one line.

Plain fine-tuning, our trainer and Avalanche's, on the same digits and clothes either way: accuracy over all tasks after
the last, %, mean ± standard deviation over {seeds} seeds (one hidden layer of 100 units, SGD 0.05; digits three passes
in batches of 10, Fashion-MNIST one in batches of 64; all outputs compete). Made by
`python -m benches.avalanche_scenarios --seeds {seeds} --write`.

{table}
"""


def ours(scenario: Scenario, seed: int, *, epochs: int, batch: int = BATCH) -> float:
    """Our naive."""
    spec = RunSpec.checked(
        scenario=scenario.name,
        strategy="naive",
        hyperparameters={},
        network=f"mlp:{HIDDEN}",
        epochs=epochs,
        lr=RATE,
        batch_size=batch,
        seeds={"init": seed, "order": seed},
    )
    trainer = Trainer([Replica(build_strategy(spec, scenario), scenario, spec)])
    trainer.run()
    return fmean(value or 0.0 for value in trainer.replicas[0].outcome.rows[-1].accuracy)


def theirs(benchmark: Any, seed: int, *, epochs: int, told: bool, batch: int = BATCH) -> float:
    """Avalanche's Naive with a network of Avalanche's, tested by hand with each task's label."""
    with quiet(), everyones_randomness(seed, torch.device("cpu")):
        from avalanche.models import MTSimpleMLP, SimpleMLP
        from avalanche.training.plugins import EvaluationPlugin
        from avalanche.training.supervised import Naive

        x = benchmark.test_stream[0].dataset[0][0]
        outputs = 1 + max(max(experience.dataset.targets) for experience in benchmark.test_stream)
        if told:
            model: nn.Module = MTSimpleMLP(input_size=x.numel(), hidden_size=HIDDEN)
        else:
            model = SimpleMLP(num_classes=outputs, input_size=x.numel(), hidden_size=HIDDEN, drop_rate=0.0)
        for layer in (layer for layer in model.modules() if isinstance(layer, nn.Dropout)):
            layer.p = 0.0
        strategy = Naive(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), RATE),
            criterion=cross_entropy,
            train_mb_size=batch,
            train_epochs=epochs,
            evaluator=EvaluationPlugin(),
        )
        for experience in benchmark.train_stream:
            strategy.train(experience, num_workers=0)
        model.eval()
        return fmean(right(model, experience, told=told) for experience in benchmark.test_stream)


def right(model: nn.Module, experience: Any, *, told: bool) -> float:
    """The share of an experience's examples that a model answers right."""
    dataset = experience.dataset.eval()
    x = torch.stack([dataset[index][0] for index in range(len(dataset))])
    y = torch.tensor([int(dataset[index][1]) for index in range(len(dataset))])
    with torch.no_grad():
        logits = model(x, torch.full((len(x),), experience.task_label)) if told else model(x)
    return float((logits.argmax(1) == y).float().mean())


def digits(told: bool) -> Any:
    """A benchmark that Avalanche makes itself of the same digits."""
    with quiet():
        from avalanche.benchmarks import nc_benchmark

        from scenarios.bridge.rows import Rows

        whole = scenario_reference("split-digits:task,tasks=1,validation=0").build()
        train, test = Rows(whole.tasks[0].training), Rows(whole.test[0])
        return nc_benchmark(train, test, n_experiences=5, task_labels=told, shuffle=False)


def fashion(told: bool) -> Any:
    """Avalanche's SplitFMNIST without its Normalize."""
    with quiet():
        from avalanche.benchmarks.classic import SplitFMNIST
        from torchvision.transforms import ToTensor

        from scenarios.avalanche import data_for

        with data_for("SplitFMNIST", None) as folder:
            made: Any = SplitFMNIST(
                5,
                return_task_id=told,
                shuffle=False,
                train_transform=ToTensor(),
                eval_transform=ToTensor(),
                **folder,
            )
            return made


def main() -> None:
    torch.set_num_threads(1)
    seeds = int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else 5
    sets = [sys.argv[sys.argv.index("--only") + 1]] if "--only" in sys.argv else ["digits", "fashion"]
    lines = [
        "| tasks | ours on ours | Avalanche's on ours | ours on Avalanche's | Avalanche's on Avalanche's |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in sets:
        epochs, batch = (3, 10) if name == "digits" else (1, 64)
        for kind in ("task", "class"):
            told = kind == "task"
            mine = scenario_reference(f"split-{name}:{kind},validation=0").build()
            mine = replace(mine, active="all")
            benchmark = digits(told) if name == "digits" else fashion(told)
            read = replace(from_avalanche(benchmark, name=f"avalanche-{name}", validation=0), active="all")
            assert read.kind == kind
            sent = export(mine)
            cells = [
                [ours(mine, seed, epochs=epochs, batch=batch) for seed in range(seeds)],
                [theirs(sent, seed, epochs=epochs, batch=batch, told=told) for seed in range(seeds)],
                [ours(read, seed, epochs=epochs, batch=batch) for seed in range(seeds)],
                [theirs(benchmark, seed, epochs=epochs, batch=batch, told=told) for seed in range(seeds)],
            ]
            texts = [f"{100 * fmean(cell):.1f} ± {100 * stdev(cell):.1f}" for cell in cells]
            lines.append(f"| split-{name}, {kind} | {' | '.join(texts)} |")
            print(lines[-1], flush=True)
    if "--write" in sys.argv:
        PAGE.write_text(TEXT.format(seeds=seeds, table="\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
