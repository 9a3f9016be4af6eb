"""Whether the network is right as often as it says."""

from pydantic import PositiveInt

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register

BELOW_ONE = 1 - 2**-24
"""The largest float32 below 1."""


@register("calibration")
class Calibration(Property):
    """Expected calibration error: how far confidence is from accuracy (Guo et al. 2017, eq. 3).

    ECE = Σ_b |B_b|/n · |accuracy(B_b) − confidence(B_b)| over bins of equal width of the confidence, which is
    the largest softmax probability among the active classes (Naeini et al. 2015). Computed by torchmetrics on
    all test examples of the task. Few examples bias it upwards, about as √(bins/n): compare at equal n.

    Beside it: `confidence`, the mean; `accuracy`; `examples`, how many.

    Args:
        bins: on [0, 1].
    """

    unit = "share"
    better = "lower"
    cost = "one evaluation"

    def __init__(self, *, bins: PositiveInt = 15) -> None:
        self.bins = bins

    def measure(self, subject: Subject) -> Measurement:
        # torchmetrics takes seconds to import.
        from torchmetrics.functional.classification import multiclass_calibration_error

        if len(subject.active) < 2:
            return ONE_CLASS
        x, y = subject.sample(subject.test)
        # torchmetrics puts a confidence of exactly 1, common in float32, in a bin of its own beyond the last.
        probabilities = subject.answers(x).softmax(1).clamp(max=BELOW_ONE)
        confidence, answer = probabilities.max(1)
        error = multiclass_calibration_error(probabilities, y, len(subject.active), self.bins, norm="l1")
        return Measurement(
            float(error),
            None,
            {
                "confidence": float(confidence.double().mean()),
                "accuracy": float((answer == y).double().mean()),
                "examples": len(y),
            },
        )
