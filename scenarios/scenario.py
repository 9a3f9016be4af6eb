"""From a name on the command line to a scenario."""

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from scenarios.catalogue import SCENARIOS, scenario_parts
from scenarios.errors import RequestError
from scenarios.options import Reference, canonical, suggestion
from scenarios.sources.source import load_source
from scenarios.task import Scenario

register = SCENARIOS.register

Builder = TypeVar("Builder", bound=Callable[..., Scenario])


def usual(**settings: Any) -> Callable[[Builder], Builder]:
    """Decorator: how a scenario is usually run, by names of `RunSpec`; options of the command line go before it."""

    def add(builder: Builder) -> Builder:
        builder.usual = settings  # type: ignore[attr-defined]
        return builder

    return add


@dataclass(frozen=True)
class ScenarioReference:
    """A scenario asked for and checked, but not built: no data has been read."""

    text: str
    builder: Callable[..., Scenario]
    source: str | None
    options: dict[str, Any]

    @property
    def usual(self) -> dict[str, Any]:
        """How it is usually run (see `usual`)."""
        return dict(getattr(self.builder, "usual", {}))

    def build(self, seed: int | None = None, root: Path | None = None) -> Scenario:
        """Read the data and make the tasks.

        Raises:
            RequestError: where the data cannot be had or the options do not fit it.
        """
        if self.source is None:
            # One that is made of several data sets looks for them itself.
            place = {"root": root} if "root" in inspect.signature(self.builder).parameters else {}
            scenario = self.builder(seed, **place, **self.options)
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
        raise RequestError(f"there is no scenario {reference.name!r}{suggestion(reference.name, parts)}")
    family, source = parts[reference.name]
    builder = SCENARIOS.get(family)
    options = reference.bind(builder)
    return ScenarioReference(canonical(reference.name, builder, options), builder, source, options)


def shuffled(items: list[Any], seed: int | None) -> list[Any]:
    """The items in the order that a seed draws, or in their own for None."""
    if seed is None:
        return list(items)
    return random.Random(seed).sample(items, len(items))
