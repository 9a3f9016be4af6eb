"""Against other frameworks, where checkouts of them are given."""

import json
import struct
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from torch import Tensor

from benches.report import Cell, Table
from benches.timing import Measure, in_turn, ratio
from benches.work import LR, Work, scenario
from benches.workers import forgetless, plain
from scenarios.sources.source import load_source

DRIVERS = Path(__file__).parents[1] / "peers"
MEMORY = 500
SIZES = (("mlp:100x100", 10), ("mlp:400x400", 128))
STEPS = 200
"""Of each of the five tasks."""

ROUNDS = 3

TEXT = f"""\
Training alone on the five tasks of Split-Fashion-MNIST, class-incremental, all ten outputs active, {STEPS} steps a
task: milliseconds a step, and the ratio to the plain loop of naive training. Each framework runs in a process of its
own, by its own entry point, with its own data loaders, network of the same shape, SGD, one thread and no loader
processes. What is timed is its training function over all tasks (`train_single_epoch` of Mammoth, `train_cl` of
continual-learning without its tests in between), and in Forgetless all that learning a task takes. "ER" rehearses from
{MEMORY} examples, as many in a step as are new: rehearsal here, `er` in Mammoth, `--replay=buffer` in
continual-learning, which keeps its examples sorted by class and begins to replay with the second task."""


@dataclass(frozen=True)
class Peer:
    """A framework in a checkout.

    Attributes:
        name: for the table.
        driver: which of `benches/peers` runs it.
        checkout: where it is.
        python: the interpreter that has what it needs.
    """

    name: str
    driver: str
    checkout: Path
    python: str

    def a_step(self, work: Work, memory: int, folder: Path) -> float:
        """Run it; seconds of training a step."""
        hidden = int(work.network.removeprefix("mlp:").split("x")[0])
        asked = {"data": f"{folder}/", "hidden": hidden, "batch_size": work.batch_size, "lr": LR}
        asked |= {"iterations": work.iterations, "memory": memory}
        command = [self.python, str(DRIVERS / f"{self.driver}.py"), str(self.checkout.resolve()), json.dumps(asked)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name} in {self.checkout} broke:\n{done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        return told["seconds"] / told["steps"]


def measure(peers: list[Peer]) -> Table:
    whole = scenario("split-fashion:class,active=all,validation=0")
    rows: list[list[Cell]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lay_out_fashion(folder)
        for network, batch_size in SIZES:
            for method, memory in (("naive", 0), ("ER", MEMORY)):
                work = Work(whole, network, batch_size, STEPS)
                ours = replace(work, strategy="rehearsal", hyperparameters={"memory": MEMORY}) if memory else work
                measures: dict[str, Measure] = {"plain loop": plain.a_step(work), "Forgetless": all_tasks(ours)}
                measures |= {peer.name: partial(peer.a_step, work, memory, folder) for peer in peers}
                measured = in_turn(measures, ROUNDS, warm_up=False)
                for who in list(measures)[1:]:
                    times = [1000 * median(measured[who]), ratio(measured, who, "plain loop")]
                    rows.append([network, batch_size, method, who, *times])
    columns = {"network": "", "batch": "n", "method": "", "who": "", "step": "ms", "ratio": "×"}
    return Table("peers", "Other frameworks", TEXT, columns, rows)


def all_tasks(work: Work) -> Measure:
    """Learning all tasks, in seconds a step."""

    def measure() -> float:
        learner = forgetless.Learner(work)
        count = len(work.scenario.tasks)
        return sum(learner.learn(index) for index in range(count)) / (count * STEPS)

    return measure


def lay_out_fashion(folder: Path) -> None:
    """Fashion-MNIST under the names of MNIST, whose place and format others read: torchvision's, uncompressed."""
    raw = folder / "MNIST" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (folder / "MNIST" / "MyMNIST").symlink_to("MNIST")  # a subclass of torchvision's looks under its own name
    source = load_source("fashion")
    for part, x, y in (("train", source.x, source.y), ("t10k", source.test_x, source.test_y)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(x.squeeze(1)))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(y.byte()))


def idx(tensor: Tensor) -> bytes:
    """Bytes in the IDX format: two zeros, the type (8: unsigned bytes), the dimensions, then the content."""
    return (
        struct.pack(f">BBBB{tensor.ndim}I", 0, 0, 8, tensor.ndim, *tensor.shape) + tensor.contiguous().numpy().tobytes()
    )
