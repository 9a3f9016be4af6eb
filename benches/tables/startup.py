"""Before the first step: how long commands take to begin, and how much memory a run takes."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from statistics import median

from benches import first_step, memory
from benches.report import Cell, Table
from benches.tables.run import WORKERS
from benches.timing import Measure, in_turn, seconds

FORGETLESS = ("-m", "forgetless")
TINY = ("run", "split-digits:task", "first-step", "--plugin", str(first_step.__file__), "--quiet")

COMMANDS: dict[str, tuple[str, ...]] = {
    "python, and nothing else": ("-c", "pass"),
    "import torch": ("-c", "import torch"),
    "import avalanche.training": ("-W", "ignore", "-c", "import avalanche.training"),
    "forgetless --help": (*FORGETLESS, "--help"),
    "forgetless list": (*FORGETLESS, "list"),
    "forgetless run, to the first step": (*FORGETLESS, *TINY),
}

ROUNDS = 2

TEXT = """\
From the start of the process to its end, files in the cache. The run ends itself where its first step of training would
begin: everything is imported, checked, loaded and, before the first task, tested."""

MEMORY_TEXT = """\
The most memory a process ever held: naive training on the five tasks of Split-Fashion-MNIST, one pass over all 60,000
examples, tested as in the table of whole runs. The first line is what every one of them begins with: torch, and the
data set as bytes. Avalanche's classic form keeps pictures as bytes and makes each anew; its lean form, and the plain
loop, keep floats."""


def measure() -> Table:
    with tempfile.TemporaryDirectory() as folder:
        measures: dict[str, Measure] = {
            name: partial(seconds, partial(python, *command, folder=folder)) for name, command in COMMANDS.items()
        }
        measured = in_turn(measures, ROUNDS)
    rows: list[list[Cell]] = [[name, median(taken)] for name, taken in measured.items()]
    return Table("startup", "Starting", TEXT, {"command": "", "time": "s"}, rows)


def measure_memory() -> Table:
    names = [memory.NOTHING, *WORKERS]
    most = {name: float(python("-m", "benches.memory", name)) for name in names}
    rows: list[list[Cell]] = [[name, most[name], most[name] - most[memory.NOTHING]] for name in names]
    return Table("memory", "Memory", MEMORY_TEXT, {"who": "", "most": "MB", "over the first line": "MB"}, rows)


def python(*arguments: str, folder: str | None = None) -> str:
    """Run a Python process in a folder; what it prints."""
    path = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    return process.stdout
