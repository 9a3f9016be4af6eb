"""Robustness to the worst small change of the pixels."""

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn.functional import one_hot

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register

ENOUGH = 100
"""Fewer examples than this that are right without an attack say little of how many an attack turns."""


@register("adversarial")
class Adversarial(Property):
    """Share of test examples that no found change of at most ε a pixel makes wrong (PGD, Madry et al. 2018).

    An example counts as robust if it is right everywhere it was tried: on the clean image, under noise, after
    the single step of FGSM, and at every iterate of projected gradient ascent,
    x ← Π(x + α·sign ∇ margin), from random starts, Π being onto |δ| ≤ ε and pixels in [0, 1]. The worst of
    all is taken per example (Carlini et al. 2019), so robust ≤ clean and robust ≤ any noise, always.

    What ascends is the margin, the largest other active logit minus the true one, not the cross-entropy:
    strategies such as HAT and EWC make large logits, at which the softmax is one-hot in float32 and the
    gradient of the cross-entropy is exactly zero, which looks like robustness. The margin is what decides,
    and its gradient does not shrink with confidence. With two classes both have the same sign anyway.

    Beside it: `clean`, accuracy without a change; `noise` and `noise_worst`, accuracy under uniform noise in
    the same ball, averaged over draws and per example the worst of them: the floor that an attack must beat;
    `success`, the share of the examples right when clean that end up wrong, null where these
    (`clean_correct`) are fewer than 100; `without_gradient`, the share of examples whose margin has no
    gradient at the clean image, so that only noise could move them; `examples`, how many were attacked.

    Args:
        epsilon: ε, on pixels in [0, 1].
        steps: of gradient ascent, each α = 2.5 ε / steps, so that it can cross the ball.
        restarts: random starts.
        examples: test examples attacked, the same after every task.
        draws: of noise for each example.
    """

    unit = "share"
    better = "higher"
    cost = "restarts × steps gradients of some hundred examples"

    def __init__(
        self,
        *,
        epsilon: Annotated[float, Field(ge=0, le=1)] = 0.1,
        steps: PositiveInt = 20,
        restarts: PositiveInt = 1,
        examples: PositiveInt = 256,
        draws: PositiveInt = 10,
    ) -> None:
        self.epsilon = epsilon
        self.steps = steps
        self.restarts = restarts
        self.examples = examples
        self.draws = draws

    def measure(self, subject: Subject) -> Measurement:
        if len(subject.active) < 2:
            return ONE_CLASS
        x, y = subject.sample(subject.test, self.examples)
        if x.min() < 0 or x.max() > 1:
            return Measurement(None, "inputs are not pixels on [0, 1]")
        low, high = (x - self.epsilon).clamp(min=0), (x + self.epsilon).clamp(max=1)
        clean = subject.answers(x).argmax(1) == y
        noisy = torch.stack(
            [
                subject.answers(self.noised(x, subject.generator).clamp(low, high)).argmax(1) == y
                for _ in range(self.draws)
            ]
        )
        slope = margin(subject, x, y)[1]
        robust = clean & noisy.all(0)
        for right in self.attack(subject, x, y, slope, low, high):
            robust &= right
        correct = int(clean.sum())
        few = f"fewer than {ENOUGH} examples are right without an attack, too few for its rate of success"
        return Measurement(
            share(robust),
            few if correct < ENOUGH else None,
            {
                "clean": share(clean),
                "noise": share(noisy),
                "noise_worst": share(noisy.all(0)),
                "success": None if correct < ENOUGH else 1 - int(robust.sum()) / correct,
                "clean_correct": correct,
                "without_gradient": share(~slope.flatten(1).any(1)),
                "examples": len(y),
            },
        )

    def noised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The images moved evenly at random within ±ε, pixels not yet clipped."""
        return x + self.epsilon * (2 * torch.rand(x.shape, generator=generator) - 1).to(x.device)

    def attack(
        self, subject: Subject, x: Tensor, y: Tensor, slope: Tensor, low: Tensor, high: Tensor
    ) -> Iterator[Tensor]:
        """Which examples are still right, bool [B], at each point that the attacks come to.

        Args:
            subject: the model.
            x, y: clean images and their labels.
            slope: the margin's gradient at x.
            low, high: the corners of the ball, clipped to pixels.
        """
        yield margin(subject, (x + self.epsilon * slope.sign()).clamp(low, high), y)[0]
        step = 2.5 * self.epsilon / self.steps
        for _ in range(self.restarts):
            point = self.noised(x, subject.generator).clamp(low, high)
            for _ in range(self.steps):
                right, slope = margin(subject, point, y)
                yield right
                point = (point + step * slope.sign()).clamp(low, high)
            yield subject.answers(point).argmax(1) == y


def margin(subject: Subject, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Which answers are right, bool [B], and the gradient in x of largest other logit minus true logit."""
    x = x.detach().requires_grad_()
    logits = subject.logits(x)
    true = one_hot(y, logits.shape[1]).bool()
    exceeded = logits.masked_fill(true, -torch.inf).amax(1) - logits[true]
    return logits.argmax(1) == y, torch.autograd.grad(exceeded.sum(), x)[0]


def share(right: Tensor) -> float:
    """The share that is true."""
    return float(right.double().mean())
