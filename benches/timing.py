"""Times that can be trusted on a machine that does other things as well.

A single time says little there. What is compared is measured in turn, in many short rounds, in an order that is
turned round every time; what counts is the median of the ratios within a round.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Measure = Callable[[], float]
"""Does some work and returns what it took: seconds, or seconds a step."""

Rounds = dict[str, list[float]]
"""What each worker took, round by round."""


def in_turn(measures: Mapping[str, Measure], rounds: int, *, warm_up: bool = True) -> Rounds:
    """Measure every worker once a round; the order is turned round every time.

    Args:
        measures: the workers, by name.
        rounds: how many.
        warm_up: whether one round goes before that is not counted: it fills caches, and finishes imports and
            compilation.
    """
    measured: Rounds = {name: [] for name in measures}
    for number in range(-1 if warm_up else 0, rounds):
        for name in list(measures) if number % 2 else reversed(measures):
            taken = measures[name]()
            if number >= 0:
                measured[name].append(taken)
    return measured


def ratio(measured: Rounds, name: str, to: str) -> float:
    """The median over rounds of one worker's time to another's."""
    return median(mine / theirs for mine, theirs in zip(measured[name], measured[to], strict=True))


def seconds(work: Callable[[], Any]) -> float:
    """How long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
