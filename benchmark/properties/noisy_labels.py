"""Whether the network has learned false labels by heart."""

import torch

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register


@register("noisy-labels")
class NoisyLabels(Property):
    """Share of the falsely labelled training examples to which the network gives the false label.

    A false label follows no rule, so the network that gives it has memorised the example (Zhang et al. 2017; Arpit
    et al. 2017 compare when in training this happens). A network that learned the rule and nothing else gives the
    true label. Along the sequence the value tells whether memorised examples or the rule are forgotten first.

    Beside it: `true`, the share to which it gives the true label; `examples`, how many have a false one.
    """

    unit = "share"
    better = "lower"
    cost = "one pass over the training examples with false labels"

    def measure(self, subject: Subject) -> Measurement:
        if len(subject.active) < 2:
            return ONE_CLASS
        if subject.truth is None:
            return Measurement(None, "no training label of the task is false")
        x, places = subject.sample(subject.task.training)
        labels, truth = subject.active[places], subject.truth.to(subject.device)
        false = labels != truth
        count = int(false.sum())
        if not count:
            return Measurement(None, "no training label of the task is false")
        answers = subject.active[subject.answers(x[false]).argmax(1)]
        memorised = int(torch.eq(answers, labels[false]).sum())
        right = int(torch.eq(answers, truth[false]).sum())
        return Measurement(memorised / count, None, {"true": right / count, "examples": count})
