"""How much the result hangs on the first random numbers."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmark.predictions import Predictions
from benchmark.properties.property import GroupProperty, Measurement, register


@register("sensitivity")
class Sensitivity(GroupProperty):
    """Churn: share of a task's test examples that runs of other seeds answer differently in the end.

    Averaged over all pairs of runs (Summers & Dinneen 2021). Two runs can agree on accuracy and still be
    right on different examples; churn is at least the difference of their accuracies. Where they differ, one
    of them is wrong, so it is at most (1 − acc_a) + (1 − acc_b).

    Beside it: `spread`, the standard deviation (n − 1) of the final accuracy on the task over the runs;
    `normalised`, churn as a share of that bound, both summed over pairs, null where all runs are perfect.
    """

    unit = "share"
    better = "lower"
    cost = "none: it reads the predictions of the runs"

    def compare(self, runs: Sequence[Predictions]) -> list[Measurement]:
        first = runs[0]
        tasks = [first.task == task for task in np.unique(first.task)]
        if not all(np.array_equal(run.label, first.label) and np.array_equal(run.task, first.task) for run in runs):
            reason = "the runs were not tested on the same examples: their classes come in different orders"
            return [Measurement(None, reason) for _ in tasks]
        final = np.stack([run.rows[-1].predicted for run in runs])
        return [_compared(final[:, members], first.label[members]) for members in tasks]


def _compared(answers: NDArray[np.signedinteger], labels: NDArray[np.signedinteger]) -> Measurement:
    """One task: the answers [runs, examples] to its test examples, with their labels [examples]."""
    wrong = (answers != labels).mean(1)
    pairs = list(combinations(range(len(answers)), 2))
    churn = float(np.mean([(answers[a] != answers[b]).mean() for a, b in pairs]))
    bound = float(np.mean([wrong[a] + wrong[b] for a, b in pairs]))
    return Measurement(
        churn,
        None,
        {"spread": float(wrong.std(ddof=1)), "normalised": churn / bound if bound else None},
    )
