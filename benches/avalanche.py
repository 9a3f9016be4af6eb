"""The page docs/avalanche.md: every supervised strategy of Avalanche, tried in every kind of scenario.

python -m benches.avalanche --write
"""

import inspect
import sys
import time
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import torch

from benchmark.replica import Replica
from benchmark.run import build_strategy, check
from benchmark.spec import RunSpec
from benchmark.trainer import Diverged, Trainer
from scenarios.errors import RequestError
from scenarios.examples import Examples, TensorExamples
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.avalanche import PICTURES, names
from strategies.strategy import bind_hyperparameters, hyperparameters_of

PAGE = Path(__file__).parents[1] / "docs" / "avalanche.md"
SCENARIOS = ("split-{}:task", "split-{}:domain", "split-{}:class", "split-{}:class,active=all")
HEADINGS = ("task", "domain", "class", "class, all active")
PER_TASK = 120
GIVEN: dict[str, object] = {
    "alpha": 1.0,
    "ewc_lambda": 1.0,
    "fixed_memory": True,
    "lambda_e": 1.0,
    "mem_size": 100,
    "memory_size": 100,
    "patterns_per_exp": 20,
    "post_prune_epochs": 1,
    "prune_proportion": 0.5,
    "si_lambda": 1.0,
    "subsample": 20,
    "temperature": 2.0,
}
"""Values for hyper-parameters that have no default."""

INTRODUCTION = """\
# Strategies of Avalanche

`avalanche/NAME` runs any supervised strategy of [Avalanche](https://avalanche.continualai.org) (Lomonaco et al. 2021,
arXiv 2104.00405) as an entry: our scenarios, network, optimiser, batches, budget and seeds, our evaluation, costs and
records; Avalanche's strategy, plugins and loop.

    forgetless run split-fashion:class rehearsal avalanche/Replay --set mem_size=1000 --set memory=1000

Its hyper-parameters are the arguments of Avalanche's class that can be written as text, with Avalanche's defaults; an
argument without one must be given. A wrong name lists all names, a wrong hyper-parameter those there are.

- **Task told** (kind `task`): experiences have task labels, the network is multi-headed as with Avalanche's
  `MultiHeadClassifier`. Strategies that know no task labels learn without, and are told by our masks when tested.
- **Not told** (kinds `domain`, `class`): one layer of logits, task label 0. Our cross-entropy is over the classes that
  compete in the scenario; a strategy's own loss takes all logits.
- **Answers** are those of Avalanche's evaluation (nearest class means and bias corrections included), masked.
- **Bytes remembered** are counted by walking through the strategy: tensors that are not the network's, copies of it,
  and the distinct examples in its data sets, each as large as we store it.
- **What it cannot do**: train at once with other seeds (`--replicas`), be compiled, follow `--schedule plateau`, be
  tested within a task (`--evaluate-every`), or go on from the middle. `forgetless resume` makes an interrupted run
  again from its start, to the same numbers.

## Every one, tried

Made by `python -m benches.avalanche --write` with Avalanche {avalanche} and torch {torch}: two passes over at most
{per_task} examples of each of five tasks of split-digits (mlp:50, SGD 0.05, batches of 10; of split-fashion where a
strategy can learn nothing else). **The numbers say that it runs, not how good it is**: accuracy over all tasks after
the last one, in %, chance being 50, 50, 10 and 10. Where a strategy cannot be run, a line says why.
"""


def main() -> None:
    torch.set_num_threads(1)
    lines = [f"| strategy | {' | '.join(HEADINGS)} | bytes remembered |", "|---|" + "--:|" * (len(HEADINGS) + 1)]
    reasons: list[str] = []
    for name in names():
        cells, held = tried(f"avalanche/{name}", reasons)
        lines.append(f"| {name} | {' | '.join(cells)} | {held} |")
    facts = {"avalanche": version("avalanche-lib"), "torch": torch.__version__, "per_task": PER_TASK}
    page = "\n".join([INTRODUCTION.format(**facts), *lines, "", "## Why not", "", *dict.fromkeys(reasons), ""])
    if "--write" in sys.argv:
        PAGE.write_text(page)
    else:
        print(page)


def tried(name: str, reasons: list[str]) -> tuple[list[str], str]:
    """A cell for each kind of scenario, and bytes; reasons for what cannot be had are added."""
    cells, held = [], ""
    began = time.perf_counter()
    for pattern, heading in zip(SCENARIOS, HEADINGS, strict=True):
        try:
            trainer = made(name, pattern)
            trainer.run()
        except RequestError as error:
            cells.append("–")
            reasons.append(f"- {error}".replace(pattern.format("digits"), "this"))
        except (Diverged, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            cells.append("diverges")
            reasons.append(f"- {name} diverges where {heading}: {error}")
        except Exception as error:
            cells.append("fails")
            words = " ".join(str(error).split())[:160]
            reasons.append(f"- {name} fails inside Avalanche where {heading}: {type(error).__name__}: {words}")
        else:
            outcome = trainer.replicas[0].outcome
            accuracy = [value or 0.0 for value in outcome.rows[-1].accuracy]
            cells.append(f"{100 * sum(accuracy) / len(accuracy):.0f}")
            held = f"{outcome.costs[-1].bytes_remembered:,}"
    print(f"{name} {cells} {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return cells, held


def made(name: str, pattern: str) -> Trainer:
    """A trainer of a small run."""
    known = hyperparameters_of(name)
    needed = {key for key, option in known.items() if option.default is inspect.Parameter.empty}
    given = {key: value for key, value in GIVEN.items() if key in needed or (key in known and key == "mem_size")}
    source = "fashion" if name == "avalanche/GenerativeReplay" else "digits"
    scenario = small(pattern.format(source))
    assert source == "digits" or scenario.input_shape == PICTURES
    spec = RunSpec.checked(
        scenario=scenario.name,
        strategy=name,
        hyperparameters=bind_hyperparameters(name, given),
        network="mlp:hidden=50",
        epochs=2,
        seeds={"init": 0, "order": 0},
    )
    strategy = build_strategy(spec, scenario)
    check(spec, scenario)
    return Trainer([Replica(strategy, scenario, spec)])


@lru_cache(maxsize=8)
def small(reference: str) -> Scenario:
    """The scenario with the first few examples of each task."""
    scenario = scenario_reference(reference).build()
    tasks = tuple(replace(task, training=cut(task.training, PER_TASK)) for task in scenario.tasks)
    return replace(scenario, tasks=tasks, test=tuple(cut(test, 500) for test in scenario.test))


def cut(examples: Examples, size: int) -> Examples:
    chosen = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0))[:size]
    return TensorExamples(*examples.batch(chosen), examples.task)


if __name__ == "__main__":
    main()
