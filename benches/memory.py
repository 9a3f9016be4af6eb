"""Print the most memory this process ever held, in MB, after some work: `python -m benches.memory WHO`.

A process of its own for each, since memory once taken is seldom given back.
"""

import sys

import torch

from benches.tables.run import WORKERS
from benches.work import Work, scenario

WORK = ("split-fashion:class,active=all,validation=0", "mlp:400x400", 128)
NOTHING = "imports and data"


def most_memory() -> float:
    """The high-water mark of the resident set, in MB; Linux says it for a process by itself."""
    with open("/proc/self/status", encoding="ascii") as status:
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def main(who: str) -> None:
    torch.set_num_threads(1)
    reference, network, batch_size = WORK
    work = Work(scenario(reference), network, batch_size)
    if who != NOTHING:
        WORKERS[who](work)
    print(most_memory())


if __name__ == "__main__":
    main(sys.argv[1])
