"""MNIST-1D: signals drawn from ten templates, made when asked for."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenarios.sources.source import Source, register

Signal = NDArray[np.float64]

LENGTH = 40
EXAMPLES, TRAINING = 5000, 4000
SEED = 42
PADDING = (36, 60)
SCALE = 0.4
TRANSLATION = 48
SMOOTH_NOISE, WHITE_NOISE = 0.25, 0.02
SHEAR = 0.75

# The height of a digit's stroke, from its top to its bottom.
TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


@register("mnist1d", classes=10, shape=(1, 40), data="made when asked for")
def mnist1d(root: Path | None = None) -> Source:
    """MNIST-1D: 4,000 + 1,000 signals of 40 points, of ten digits (Greydanus & Kobak 2020).

    Each is a digit's template of 12 points, padded, scaled, moved, drowned in noise and sheared at random. The random
    numbers are drawn in the order of the authors' generator, from their seed 42, so that these are their examples;
    the mean of all is 0 and their deviation 1, as theirs.
    """
    import torch

    # The authors' examples come from numpy's generator of that time, whose numbers never change.
    random = np.random.RandomState(SEED)
    count = EXAMPLES // len(TEMPLATES)
    x = np.stack([_signal(template, random) for template in _templates() for _ in range(count)])
    y = np.repeat(np.arange(len(TEMPLATES)), count)
    order = random.permutation(EXAMPLES)
    x, y = x[order], y[order]
    signals = torch.from_numpy((x - x.mean()) / x.std()).float().unsqueeze(1)
    labels = torch.from_numpy(y)
    parts = signals[:TRAINING], labels[:TRAINING], signals[TRAINING:], labels[TRAINING:]
    return Source("mnist1d", tuple("0123456789"), *parts)


def _templates() -> Signal:
    """The templates with mean 0 and deviation 1, moved to start at 0, a sixth as high."""
    x = np.array(TEMPLATES)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return (x - x[:, :1]) / 6


def _signal(template: Signal, random: np.random.RandomState) -> Signal:
    """One example of a template's digit."""
    from scipy.ndimage import gaussian_filter

    low, high = PADDING
    length = len(template) + high
    # A little more than nothing, so that the template's own zeros are told from the padding, where noise goes.
    x = np.concatenate([template + 1e-8, np.zeros(low + int(random.rand() * (high - low + 1)))])
    x = _resampled(x, length)
    x *= 1 + SCALE * (random.rand() - 0.5)
    x = np.roll(x, random.choice(TRANSLATION))
    x = np.where(x != 0, x, gaussian_filter(SMOOTH_NOISE * random.randn(length), 2))
    x = x + WHITE_NOISE * random.randn(length)
    x = x - SHEAR * (random.rand() - 0.5) * np.linspace(-0.5, 0.5, length)
    return _resampled(x, LENGTH)


def _resampled(x: Signal, length: int) -> Signal:
    """A signal at so many even places, linearly between its points."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(x)), x)
