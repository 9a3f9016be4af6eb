"""What a source owes its test: examples that training has not seen."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from scenarios.digests import row_fingerprints
from scenarios.examples import Examples
from scenarios.rows import fingerprints_of
from scenarios.sources.source import Source
from scenarios.task import Scenario


def duplicates(source: Source) -> Tensor:
    """Indices of the test inputs whose very content is among the training inputs, whatever their labels, ascending."""
    training, test = fingerprints_of(source.x), fingerprints_of(source.test_x)
    return torch.isin(test, training).nonzero().squeeze(1)


def leaks(scenario: Scenario) -> list[tuple[int, dict[int, int]]]:
    """For each task, how many of its test inputs are by content among the training inputs of any task, and of which.

    Inputs are the same where their content is and the transform through which their task sees them; images that stay
    in their files, where the files are; those of a drift, however far they are turned. Inputs for validation do not
    count: nothing is trained on them.
    """
    trained = [task.training for task in scenario.tasks]
    contents = _contents([*trained, *scenario.test])
    by_transform: dict[str, dict[int, Tensor]] = {}
    for index, (transform, fingerprints) in enumerate(contents[: len(trained)]):
        by_transform.setdefault(transform, {})[index] = fingerprints

    # Tasks that see the same inputs, each through a transform of its own, have them compared once.
    @cache
    def among(tested: Tensor, *trained: Tensor) -> int:
        known = in_order(*trained)
        places = torch.searchsorted(known, tested).clamp(max=len(known) - 1)
        return int((known[places] == tested).sum()) if len(known) else 0

    @cache
    def in_order(*trained: Tensor) -> Tensor:
        return torch.cat(trained).sort().values

    found = []
    for transform, tested in contents[len(trained) :]:
        seen = by_transform.get(transform, {})
        total = among(tested, *seen.values()) if seen else 0
        counts = {index: among(tested, own) for index, own in seen.items()} if total else {}
        found.append((total, {index: count for index, count in counts.items() if count}))
    return found


def _contents(parts: Sequence[Examples]) -> list[tuple[str, Tensor]]:
    """Transform and fingerprints of several examples; where some do not know them, all are read, and seen as tasks do.

    They are read a part at a time.
    """
    known = [found for examples in parts if (found := examples.fingerprints()) is not None]
    return known if len(known) == len(parts) else [("", _as_seen(examples)) for examples in parts]


def _as_seen(examples: Examples) -> Tensor:
    numbers = torch.arange(len(examples)).split(1024) if len(examples) else ()
    found = [row_fingerprints(examples.batch(part)[0]) for part in numbers]
    return torch.cat([torch.empty(0, dtype=torch.int64), *found])
