"""One thread or two: what `--threads auto` chooses by."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import torch

from benches.report import Cell, Table
from benches.timing import Measure, in_turn, ratio
from benches.work import Work, scenario
from benches.workers import forgetless
from benchmark.threads import WORTH_TWO, threads_for

NETWORKS = ("mlp:100x100", "mlp:400x400", "mlp:1000x1000", "cnn", "resnet18")
BATCHES = (10, 128)
SECONDS = 0.04
"""How long one thread is at work in a round, in steps of which there is one at least."""

ROUNDS = 3

TEXT = f"""\
A step of naive training on one thread, and what two threads take of that (below 1.00 they are worth it): with nothing
else to do, and with another process that keeps one core busy all the time. `--threads auto`, the default, gives a run
two threads where parameters × batch size come to {WORTH_TWO:,} (the last column), and never more than `cores // jobs`.
Small steps stay on one thread: two wait for each other wherever a core is wanted by something else. The last digits of
a run's numbers can depend on its threads; that is why the record keeps them."""


def measure() -> Table:
    whole = scenario("split-fashion:task,validation=0")
    rows: list[list[Cell]] = []
    for network in NETWORKS:
        for batch_size in BATCHES:
            work = Work(whole, network, batch_size, 1)
            parameters = forgetless.parameters(work)
            step = min(forgetless.first_task(work)() for _ in range(3))
            work = replace(work, iterations=max(1, round(SECONDS / step)))
            alone = in_turn(on_threads(work), ROUNDS)
            with busy_core():
                beside = in_turn(on_threads(work), ROUNDS)
            rows.append(
                [
                    network,
                    batch_size,
                    parameters * batch_size,
                    1000 * median(alone["1"]) / (work.iterations or 1),
                    ratio(alone, "2", "1"),
                    ratio(beside, "2", "1"),
                    "same" if same_numbers(work) else "differ",
                    threads_for(parameters, batch_size, available=2),
                ]
            )
    columns = {"network": "", "batch": "n", "parameters × batch": "n", "one thread": "ms", "two threads": "×"}
    columns |= {"two, a core busy": "×", "numbers": "", "auto": "n"}
    return Table("threads", "Threads", TEXT, columns, rows)


def on_threads(work: Work) -> dict[str, Measure]:
    """The same work on one thread and on two."""
    learn = forgetless.first_task(work)

    def on(threads: int) -> Measure:
        def measure() -> float:
            torch.set_num_threads(threads)
            taken = learn()
            torch.set_num_threads(1)
            return taken

        return measure

    return {"1": on(1), "2": on(2)}


def same_numbers(work: Work) -> bool:
    """Whether a few steps lead to the same weights on one thread and on two, to the last bit."""
    numbers = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        learner = forgetless.Learner(replace(work, iterations=3))
        learner.learn(0)
        numbers.append(learner.numbers())
    torch.set_num_threads(1)
    return torch.equal(*numbers)


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process computes all the while."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()
