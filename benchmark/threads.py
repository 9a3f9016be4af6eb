"""How many threads a run is given where nobody says. No torch here."""

import os

WORTH_TWO = 20_000_000
"""Parameters × batch size from which a run is given two threads.

Found by `python -m benches threads`. On an idle machine a second thread pays from a tenth of this on; where another
process wants the same core, two threads wait for each other, and a small step takes many times as long. From here on
there is much to gain and little to lose.
"""

MOST = 2
"""More threads have not been measured, so they are not chosen: who knows better asks for them."""


def threads_for(parameters: int, batch_size: int, available: int, jobs: int = 1) -> int:
    """The number of threads for a run: 1 or 2.

    Args:
        parameters: of the network.
        batch_size: examples of a step.
        available: how many cores there are to use.
        jobs: how many runs share them; together they never have more threads than there are cores.
    """
    wanted = MOST if parameters * batch_size >= WORTH_TWO else 1
    return max(1, min(wanted, available // jobs))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
