"""Print how fast training is, as ratios to a plain PyTorch loop and to Avalanche, measured in one process."""

import os
from collections.abc import Callable
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from benches.work import Done, Work, avalanche, forgetless, plain

ROUNDS = 5
"""Each pair is run so many times, in turn; the median ratio is what counts on a machine that others use."""


def paired(ours: Callable[[], Done], theirs: Callable[[], Done], rounds: int) -> tuple[float, list[Done], list[Done]]:
    """The median of ours/theirs over rounds that alternate which goes first, and all that was measured."""
    mine, others = [], []
    for number in range(rounds):
        pair = [ours, theirs] if number % 2 == 0 else [theirs, ours]
        first, second = pair[0](), pair[1]()
        mine.append(first if number % 2 == 0 else second)
        others.append(second if number % 2 == 0 else first)
    return median(a.seconds / b.seconds for a, b in zip(mine, others, strict=True)), mine, others


def main() -> None:
    torch.set_num_threads(1)
    console = Console(width=110)
    table = Table(title="Training time, one epoch of each of five tasks of split-fashion", title_justify="left")
    for column in (
        "network",
        "batch",
        "ours, naive",
        "against",
        "theirs",
        "ratio ours/theirs",
        "accuracy ours, theirs",
    ):
        table.add_column(column, justify="left" if column in {"network", "against"} else "right")
    for hidden, batch_size in ((100, 10), (100, 128), (400, 10), (400, 128)):
        work = Work(hidden, batch_size)
        for name, peer in (("plain loop", plain), ("Avalanche Naive", avalanche)):
            rounds = ROUNDS if peer is plain else 2
            ratio, ours, theirs = paired(lambda: forgetless(work), lambda: peer(work), rounds)  # noqa: B023
            table.add_row(
                f"mlp:{hidden}x{hidden}",
                str(batch_size),
                f"{median(done.seconds for done in ours):.2f} s",
                name,
                f"{median(done.seconds for done in theirs):.2f} s",
                f"{ratio:.2f}",
                f"{ours[0].accuracy:.3f}, {theirs[0].accuracy:.3f}",
            )
    console.print(table)
    console.print(f"{os.cpu_count()} cores, 1 thread, torch {torch.__version__}, cpu")


if __name__ == "__main__":
    main()
