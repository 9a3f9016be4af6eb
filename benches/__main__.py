"""Print how fast training is, as ratios to a plain PyTorch loop and to Avalanche, measured in one process."""

import os
from collections.abc import Callable
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from benches.work import Done, Work, avalanche_lean, avalanche_run, forgetless, forgetless_run, plain

Worker = Callable[[Work], Done]

PAIRS: tuple[tuple[str, Worker, str, Worker, int], ...] = (
    ("training", forgetless, "plain loop", plain, 11),
    ("training", forgetless, "Avalanche, tensors, no metrics", avalanche_lean, 3),
    ("whole run", forgetless_run, "Avalanche, as in its classics", avalanche_run, 3),
)
"""What, ours, against whom, theirs, and how many times each pair is run, in turn.

On a machine that others use a single time says little: the median of the ratios is what counts.
"""

SIZES = ((100, 10), (100, 128), (400, 10), (400, 128))
"""Hidden units a layer, and batch sizes."""


def paired(ours: Worker, theirs: Worker, work: Work, rounds: int) -> tuple[float, list[Done], list[Done]]:
    """The median of ours/theirs over rounds that alternate which goes first, and all that was measured."""
    measured: dict[Worker, list[Done]] = {ours: [], theirs: []}
    for number in range(rounds):
        for worker in (ours, theirs) if number % 2 == 0 else (theirs, ours):
            measured[worker].append(worker(work))
    ratios = [a.seconds / b.seconds for a, b in zip(measured[ours], measured[theirs], strict=True)]
    return median(ratios), measured[ours], measured[theirs]


def main() -> None:
    torch.set_num_threads(1)
    table = Table(title="Naive fine-tuning, one epoch of the first two tasks of split-fashion", title_justify="left")
    for column in ("what", "network", "batch", "ours", "against", "theirs", "ratio", "accuracy"):
        table.add_column(column, justify="right" if column in {"batch", "ours", "theirs", "ratio"} else "left")
    for what, ours, name, theirs, rounds in PAIRS:
        for hidden, batch_size in SIZES:
            work = Work(hidden, batch_size)
            paired(ours, theirs, work, 1)  # imports and caches
            ratio, mine, others = paired(ours, theirs, work, rounds)
            table.add_row(
                what,
                f"mlp:{hidden}x{hidden}",
                str(batch_size),
                f"{median(done.seconds for done in mine):.2f} s",
                name,
                f"{median(done.seconds for done in others):.2f} s",
                f"{ratio:.2f}",
                f"{mine[0].accuracy:.3f}, {others[0].accuracy:.3f}",
            )
        table.add_section()
    console = Console(width=120)
    console.print(table)
    console.print(f"{os.cpu_count()} cores, 1 thread, torch {torch.__version__}, cpu; ratio: ours / theirs, median")


if __name__ == "__main__":
    main()
