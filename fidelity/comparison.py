"""All strategies side by side: docs/comparison.md, from the records of the suite in comparison.toml.

python -m fidelity.comparison FOLDER      docs/comparison.json and the page, from the records in a folder
python -m fidelity.comparison             the page alone, from docs/comparison.json
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.record import RunRecord, read_record
from leaderboard.statistics import Estimate, estimate
from scenarios.options import spelled

DOCS = Path(__file__).parents[1] / "docs"
JSON = DOCS / "comparison.json"
PAGE = DOCS / "comparison.md"

INTRODUCTION = """\
# All strategies side by side

Class-incremental Split-Fashion-MNIST: five tasks of two classes, and nobody says which task an example is from.
`{network}`, SGD, rate {lr}, batches of {batch_size}, {epochs} pass over each task, seeds {seeds}. **Defaults
throughout: nothing is tuned**, so a low row says that the defaults do not suit, not that the idea fails
([fidelity](fidelity.md) holds each to the figures of others, and `forgetless tune` tunes). One size of memory: 500
examples, which GEM and A-GEM divide among the tasks.

Accuracy after the last task and forgetting are percent, means with their 95 % intervals (Student's t over seeds); time
is that of training, relative to naive, in one pool of two processes on {machine}; examples are those that went through
a network, relative to naive; what is remembered is what the strategy holds after the last task besides the network
it trains, in thousands of bytes. A run that diverged counts as a result: it is named, and the means are those of
the others.

    forgetless suite fidelity/comparison.toml --jobs 2 --out build/comparison
    python -m fidelity.comparison build/comparison
"""


def collected(folder: Path) -> dict[str, Any]:
    """What the page needs of the records in a folder."""
    records = [read_record(path) for path in sorted(folder.rglob("record.json"))]
    if not records:
        raise SystemExit(f"{folder} holds no records: make them with forgetless suite fidelity/comparison.toml")
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.spec.strategy, []).append(record)
    first = records[0]
    about = {name: getattr(first.spec, name) for name in ("network", "lr", "batch_size", "epochs")}
    return {
        **about,
        "seeds": sorted({record.spec.seeds.init for record in records}),
        "machine": f"{first.environment.cores} cores with torch {first.environment.torch}",
        "strategies": {name: [_figures(record) for record in group] for name, group in groups.items()},
    }


def _figures(record: RunRecord) -> dict[str, Any]:
    done = record.status == "completed"
    return {
        "seed": record.spec.seeds.init,
        "status": record.status,
        "reason": record.reason,
        "hyperparameters": record.spec.hyperparameters,
        "accuracy": record.metrics["average_accuracy"] if done else None,
        "forgetting": record.metrics["forgetting"] if done else None,
        "seconds": round(sum(task.seconds for task in record.costs), 2),
        "examples": sum(task.examples_forward for task in record.costs),
        "bytes": record.costs[-1].bytes_remembered if record.costs else None,
    }


def page(found: Mapping[str, Any]) -> str:
    """The page, in Markdown."""
    rows = {name: [run for run in runs if run["status"] == "completed"] for name, runs in found["strategies"].items()}
    naive = rows["naive"]
    order = sorted(rows, key=lambda name: -statistics.fmean([run["accuracy"] for run in rows[name]] or [0.0]))
    lines = [
        "| strategy | hyper-parameters | accuracy | forgetting | time | examples | remembered | n |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in order:
        runs, every = rows[name], found["strategies"][name]
        options = ", ".join(f"{key}={spelled(value)}" for key, value in every[0]["hyperparameters"].items())
        lost = len(every) - len(runs)
        cells = [f"[{name}](strategies/{name.replace('+', 'plus')}.md)", options]
        if runs:
            cells += [_percent(estimate([run[key] for run in runs])) for key in ("accuracy", "forgetting")]
            cells += [f"{_mean(runs, key) / _mean(naive, key):.1f} ×" for key in ("seconds", "examples")]
            cells += [f"{_mean(runs, 'bytes') / 1000:,.0f}"]
        else:
            cells += ["–"] * 5
        lines.append(f"| {' | '.join(cells)} | {len(runs)}{f', {lost} diverged' if lost else ''} |")
    seeds = f"{found['seeds'][0]} to {found['seeds'][-1]}"
    return INTRODUCTION.format(**{**found, "seeds": seeds}) + "\n" + "\n".join(lines) + "\n"


def _mean(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    return statistics.fmean(run[key] for run in runs)


def _percent(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{100 * value.mean:.1f}"
    return f"{100 * value.mean:.1f} ± {50 * (value.high - value.low):.1f}"


def main() -> None:
    if len(sys.argv) > 1:
        JSON.write_text(json.dumps(collected(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(JSON.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
