"""From a name on the command line to a scenario."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from scenarios.catalogue import SCENARIOS, scenario_parts
from scenarios.errors import RequestError
from scenarios.options import Reference, canonical, options_of, suggestion
from scenarios.registry import FAMILY
from scenarios.sources.own.path import is_path, read_own
from scenarios.sources.source import Source, load_source
from scenarios.task import Scenario

register = SCENARIOS.register


@dataclass(frozen=True)
class ScenarioReference:
    """A scenario asked for and checked, but not built: no data has been read.

    Attributes:
        text: its canonical spelling.
        builder: makes it.
        source: the name of what it is made of; None where it brings its own examples, or is made of one's own data.
        options: of the builder.
        path: where one's own data is.
        reading: how that is read: options of `read_own`.
    """

    text: str
    builder: Callable[..., Scenario]
    source: str | None
    options: dict[str, Any]
    path: str | None = None
    reading: dict[str, Any] = field(default_factory=dict)

    def build(self, seed: int | None = None, root: Path | None = None) -> Scenario:
        """Read the data and make the tasks.

        Raises:
            RequestError: where the data cannot be had or the options do not fit it.
        """
        if self.path is not None:
            scenario = self.builder(_load_own(self.path, **self.reading), seed, **self.options)
        elif self.source is None:
            scenario = self.builder(seed, **self.options)
        else:
            scenario = self.builder(load_source(self.source, root), seed, **self.options)
        return replace(scenario, name=self.text)


def scenario_reference(text: str) -> ScenarioReference:
    """Check a reference such as `split-fashion:class,tasks=5`.

    Raises:
        RequestError: for a scenario, source or option there is not, or a value that is not possible.
    """
    reference = Reference.parse(text)
    parts = scenario_parts()
    if reference.name not in parts:
        return _of_path(reference) or _unknown(reference.name, parts)
    family, source = parts[reference.name]
    builder = SCENARIOS.get(family)
    options = reference.bind(builder)
    return ScenarioReference(canonical(reference.name, builder, options), builder, source, options)


def _unknown(name: str, known: Iterable[str]) -> NoReturn:
    raise RequestError(f"there is no scenario {name!r}{suggestion(name, known)}; one's own data is named by its path")


def _of_path(reference: Reference) -> ScenarioReference | None:
    """One's own data, split or, as `FAMILY-PATH`, given to another family; None where the name is no path."""
    name = reference.name
    if name.partition("/")[0] + FAMILY in SCENARIOS.families():
        return None
    family, path = "split", name
    for other, entry in sorted(SCENARIOS.entries().items()):
        if entry.takes_source and name.startswith(f"{other}-") and is_path(name[len(other) + 1 :]):
            family, path = other, name[len(other) + 1 :]
    if not is_path(path):
        return None
    builder = SCENARIOS.get(family)
    values = reference.bind((builder, read_own))
    reading = {option: values[option] for option in options_of(read_own)}
    options = {option: values[option] for option in options_of(builder)}
    return ScenarioReference(canonical(name, (builder, read_own), values), builder, None, options, path, reading)


@lru_cache(maxsize=1)
def _load_own(path: str, **reading: Any) -> Source:
    """One's own data, read once a process."""
    return read_own(Path(path), **reading)


def shuffled(items: list[Any], seed: int | None) -> list[Any]:
    """The items in the order that a seed draws, or in their own for None."""
    if seed is None:
        return list(items)
    return random.Random(seed).sample(items, len(items))
