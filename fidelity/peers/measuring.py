"""What the scripts of peers share: entries asked for by name, and what was found kept as JSON beside the script."""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from scenarios.sources.source import Source, load_source

TASKS = 5
"""Of Split Fashion-MNIST; two classes each, in natural order."""

Accuracies: TypeAlias = list[list[float]]
"""On the test examples of each task, a row for each time they were asked; the last row is that of the end."""


@dataclass(frozen=True)
class Peer:
    """A repository whose code is run from a clone of it.

    Attributes:
        script: the module of this package that runs it.
        repository: OWNER/NAME on GitHub.
        entries: what can be measured: by name, the facts that are kept with what was found.
        run: one entry by name, with the path of the clone, the images, and a seed.
        folder: where what was found is kept, under the script's name.
    """

    script: str
    repository: str
    entries: Mapping[str, Mapping[str, Any]]
    run: Callable[[str, Path, Source, int], Accuracies]
    folder: Path = Path(__file__).parent

    @property
    def found(self) -> Path:
        return self.folder / f"{self.script}.json"

    def command(self, name: str, seeds: int) -> str:
        """What measures an entry again."""
        return f'python -m fidelity.peers.{self.script} CLONE "{name}" --seeds {seeds}'

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Measure the entries that are asked for on the command line."""
        command = f"python -m fidelity.peers.{self.script}"
        parser = argparse.ArgumentParser(command, description=f"Measure {self.repository}.")
        parser.add_argument("clone", type=Path, metavar="CLONE", help=f"a clone of {self.repository}")
        asked = asked_of(parser, self.entries, arguments)
        clone = asked.clone.resolve()
        git = ["git", "-C", str(clone), "rev-parse", "--short=7", "HEAD"]
        told = subprocess.run(git, capture_output=True, text=True, check=False)
        if told.returncode:
            parser.error(f"{clone} is no clone: git clone https://github.com/{self.repository} makes one")
        torch.set_num_threads(1)
        source = load_source("fashion")
        for name in asked.entries:
            runs = [{"seed": seed, "accuracy": self.run(name, clone, source, seed)} for seed in range(asked.seeds)]
            made_with = {self.repository: told.stdout.strip(), "torch": torch.__version__}
            entry = {"command": self.command(name, asked.seeds), **self.entries[name], "runs": runs}
            keep(self.found, self.entries, made_with, name, entry)
            print(f"{name}: {final(runs)}", flush=True)


def asked_of(
    parser: argparse.ArgumentParser, entries: Iterable[str], arguments: Sequence[str] | None
) -> argparse.Namespace:
    """What is asked for on the command line: `entries`, all where none is named, and `seeds`, how many."""
    names = list(entries)
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help=", ".join(names))
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N − 1 (3)")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.entries) - set(names):
        parser.error(f"{', '.join(sorted(unknown))}: the entries are {', '.join(names)}")
    asked.entries = asked.entries or names
    return asked


def importable(clone: Path) -> None:
    """Have the modules of a clone found, before any others of their names."""
    if str(clone) not in sys.path:
        sys.path.insert(0, str(clone))


def final(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation over runs of the average accuracy at the end, in percent."""
    values = [100 * statistics.fmean(run["accuracy"][-1]) for run in runs]
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


def keep(path: Path, names: Iterable[str], made_with: Mapping[str, str], name: str, entry: Mapping[str, Any]) -> None:
    """Write down what was found of one entry, in the order of names; the others stay as they were."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"entries": {}}
    document["made_with"] = made_with
    document["entries"][name] = entry
    document["entries"] = {each: document["entries"][each] for each in names if each in document["entries"]}
    path.write_text(lines(document), encoding="utf-8")


def lines(document: Mapping[str, Any]) -> str:
    """JSON with a line for each run."""
    entries = []
    for name, entry in document["entries"].items():
        facts = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items() if key != "runs")
        runs = ",\n".join(f"  {json.dumps(run)}" for run in entry["runs"])
        entries.append(f'{json.dumps(name)}: {{{facts}, "runs": [\n{runs}]}}')
    made = json.dumps(document["made_with"])
    return f'{{"made_with": {made},\n"entries": {{\n' + ",\n".join(entries) + "\n}}\n"
