"""Which classes of a task are known, and what the others are taken for."""

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register


@register("per-class")
class PerClass(Property):
    """Accuracy on the weakest class of the task, with the confusion matrix beside it.

    An average can hide a class that is lost. The confusion matrix is torchmetrics's, on all test examples of
    the task; accuracy on a class is its recall, and any active class can be the answer.

    Beside it: `classes`, the output numbers of the task's classes; `accuracy` on each of them; `confusion`,
    counts with a row for each of them, by true class, and a column for each of `answers`, the output numbers
    of the active classes.
    """

    unit = "share"
    better = "higher"
    cost = "one evaluation"

    def measure(self, subject: Subject) -> Measurement:
        # torchmetrics takes seconds to import.
        from torchmetrics.functional.classification import multiclass_confusion_matrix

        if len(subject.active) < 2:
            return ONE_CLASS
        x, y = subject.sample(subject.test)
        rows = y.unique()
        confusion = multiclass_confusion_matrix(subject.answers(x).argmax(1), y, len(subject.active))[rows]
        right = confusion.gather(1, rows[:, None]).squeeze(1)
        recall = (right.double() / confusion.sum(1)).tolist()
        return Measurement(
            min(recall),
            None,
            {
                "classes": subject.active[rows].tolist(),
                "accuracy": recall,
                "answers": subject.active.tolist(),
                "confusion": confusion.tolist(),
            },
        )
