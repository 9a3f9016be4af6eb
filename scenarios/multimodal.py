"""Multimodal: images, signals, tables and symbols, one after another through one network."""

import math
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from scenarios.images import Active, Validation, source_tasks
from scenarios.scenario import register, shuffled, usual
from scenarios.sources.source import Source, load_source
from scenarios.task import Modality, Scenario

SOURCES = {"images": "digits", "signals": "mnist1d", "tables": "breast-cancer"}
"""The modalities that have a source, and which."""

SYMBOLS = 20
"""How many there are; of the units of a symbol one is on, so that none is like another."""


@register("multimodal", classes=24, tasks=4, sources=("digits", "mnist1d", "breast-cancer"))
@usual(network="mlp:200x200", epochs=20)
def multimodal(
    seed: int | None,
    *,
    kind: Literal["task", "class"] = "task",
    active: Active = "seen",
    validation: Validation = 0.1,
) -> Scenario:
    """Images, signals, tables and symbols in one sequence, through one network trunk (Serrà's "multimodal tasks").

    Handwritten digits (8×8 pixels), MNIST-1D (signals of 40 points), scikit-learn's breast-cancer table (30 features),
    and transitive inference: pairs of twenty symbols that have an order, of which the earlier is asked; a fifth of the
    380 pairs is for testing, and never seen in training. Every task brings classes of its own. Inputs of each modality
    go through a linear stem of its own into the trunk, which is the network asked for; the modality is told by the
    input itself, at test time too.

    Args:
        seed: draws the order of the tasks and the validation examples; None keeps that order.
        kind: what is known at test time.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
    """
    parts = {modality: load_source(name) for modality, name in SOURCES.items()} | {"symbols": pairs()}
    modalities = tuple(Modality(name, math.prod(source.input_shape)) for name, source in parts.items())
    length = max(modality.size for modality in modalities)
    vectors = []
    for number, (name, source) in enumerate(parts.items()):
        labels = tuple(f"{source.name} {label}" for label in source.labels)
        packs = partial(packed, modality=number, length=length)
        vectors.append(replace(source.with_inputs(packs), name=name, labels=labels))
    scenario = source_tasks(shuffled(vectors, seed), seed, kind=kind, active=active, validation=validation)
    return replace(scenario, modalities=modalities)


def packed(x: Tensor, modality: int, length: int) -> Tensor:
    """Inputs as vectors [N, 1 + length]: their modality, their own numbers, zeros. Bytes become floats on [0, 1]."""
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float()
    x = x.flatten(1)
    return torch.cat([torch.full((len(x), 1), float(modality)), pad(x, (0, length - x.shape[1]))], 1)


def pairs() -> Source:
    """Ordered pairs of different symbols, and which of the two comes earlier."""
    a, b = torch.cartesian_prod(torch.arange(SYMBOLS), torch.arange(SYMBOLS)).T
    different = a != b
    a, b = a[different], b[different]
    x = torch.eye(SYMBOLS)[torch.stack([a, b], 1)].flatten(1)
    y = (b < a).long()
    # A pair and its mirror image are in one part, or the answer would be known from the other.
    test = (torch.minimum(a, b) + 3 * torch.maximum(a, b)) % 5 == 4
    return Source("order", ("first", "second"), x[~test], y[~test], x[test], y[test])
