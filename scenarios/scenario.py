"""From a name on the command line to a scenario."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scenarios.errors import RequestError
from scenarios.options import Reference, canonical, suggestion
from scenarios.registry import Entry, Registry
from scenarios.sources.source import SOURCES, load_source
from scenarios.task import Scenario

Builder = Callable[..., Scenario]
"""`family(source, seed, *, kind=…, …)`, or `scenario(seed, *, …)` for one that brings its own examples.

`seed` draws what the sequence leaves to chance (the order of classes, permutations); None asks for the
canonical one: natural order of classes, the permutations of seed 0.
"""

SCENARIOS: Registry[Builder] = Registry("scenario", "scenarios", "forgetless.scenarios")
register = SCENARIOS.register


@dataclass(frozen=True)
class ScenarioReference:
    """A scenario asked for and checked, but not built: no data has been read."""

    text: str
    builder: Builder
    source: str | None
    options: dict[str, Any]

    def build(self, seed: int | None = None, root: Path | None = None) -> Scenario:
        """Read the data and make the tasks.

        Raises:
            RequestError: where the data cannot be had or the options do not fit it.
        """
        if self.source is None:
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
    entries = SCENARIOS.entries()
    source: str | None = None
    name = reference.name
    if name not in entries or entries[name].takes_source:
        family, _, source = name.partition("-")
        sources = SOURCES.entries()
        if family not in entries or not entries[family].takes_source or source not in sources:
            raise RequestError(f"there is no scenario {name!r}{suggestion(name, list_scenarios())}")
        name = family
    builder = SCENARIOS.get(name)
    options = reference.bind(builder)
    return ScenarioReference(canonical(reference.name, builder, options), builder, source, options)


def list_scenarios() -> dict[str, Entry]:
    """Every scenario by name: each family over each source, and those that bring their own examples."""
    listed: dict[str, Entry] = {}
    for name, entry in SCENARIOS.entries().items():
        if not entry.takes_source:
            listed[name] = entry
            continue
        for source, about in SOURCES.entries().items():
            summary = f"{entry.summary.rstrip('.')}; {about.summary}"
            listed[f"{name}-{source}"] = Entry(f"{name}-{source}", summary, entry.options, entry.module)
    return listed


def shuffled(items: list[Any], seed: int | None) -> list[Any]:
    """The items in the order that a seed draws, or in their own for None."""
    if seed is None:
        return list(items)
    return random.Random(seed).sample(items, len(items))
