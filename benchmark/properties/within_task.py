"""What is known of a task once it is told which one it is."""

import torch

from benchmark.properties.property import Measurement, Property, Subject, register


@register("within-task")
class WithinTask(Property):
    """Accuracy where only the task's own classes can be the answer, whatever the model was trained for.

    A class-incremental answer is right where the task is told apart and the class within it; this is the second
    factor (Kim et al. 2022, arXiv 2211.02633). It is also what DER and Mammoth print as task-incremental results:
    those of the class-incremental model with the logits of other tasks masked (Buzzega et al. 2020). A model that
    was told the task in training as well is asked for with kind "task".
    """

    unit = "share"
    better = "higher"
    cost = "one evaluation"

    def measure(self, subject: Subject) -> Measurement:
        own = torch.tensor([output in subject.task.classes for output in subject.active.tolist()])
        if own.sum() < 2:
            return Measurement(None, "only one class can be the answer, so none can be wrong")
        x, y = subject.sample(subject.test)
        answer = torch.where(own.to(y.device), subject.answers(x), -torch.inf).argmax(1)
        return Measurement(int((answer == y).sum()) / len(y))
