"""From a name on the command line to a scenario."""

import inspect
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from scenarios.catalogue import SCENARIOS, SOURCES, impossible, scenario_parts
from scenarios.errors import RequestError
from scenarios.options import Reference, canonical, nearest, options_of
from scenarios.registry import FAMILY
from scenarios.sources.own.path import is_path, read_own
from scenarios.sources.source import Source, load_source
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

    @property
    def usual(self) -> dict[str, Any]:
        """How it is usually run (see `usual`)."""
        return dict(getattr(self.builder, "usual", {}))

    def build(self, seed: int | None = None, root: Path | None = None) -> Scenario:
        """Read the data and make the tasks.

        Raises:
            RequestError: where the data cannot be had or the options do not fit it.
        """
        if self.path is not None:
            source = _load_own(self.path, **self.reading)
            if next(iter(inspect.signature(self.builder).parameters)) == "images" and source.modality != "images":
                raise RequestError(f"{self.text} is not possible: it needs images, and there are {source.modality}")
            scenario = self.builder(source, seed, **self.options)
        elif self.source is None:
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
    head, slash, _ = reference.name.partition("/")
    member = bool(slash) and head + FAMILY in SCENARIOS.families()
    if reference.name not in parts and not member:
        return _of_path(reference) or _unknown(reference.name, [*parts, *SCENARIOS.families()])
    family, source = (reference.name, None) if member else parts[reference.name]
    builder = SCENARIOS.get(family)
    options = reference.bind(builder)
    return ScenarioReference(canonical(reference.name, builder, options), builder, source, options)


def _unknown(name: str, known: Iterable[str]) -> NoReturn:
    for family, entry in SCENARIOS.entries().items():
        source = name.removeprefix(f"{family}-")
        if entry.takes_source and source in SOURCES.entries() and (reason := impossible(family, source)):
            raise RequestError(f"{name} is not possible: {reason}")
    entries = SCENARIOS.entries()
    families = [family for family, entry in entries.items() if entry.takes_source]
    others = [other for other in [*entries, *SCENARIOS.families()] if other not in families]
    raise RequestError(
        f"there is no scenario {name!r}{nearest(name, known)} (known: FAMILY-SOURCE of the families "
        f"{', '.join(families)} and the sources {', '.join(SOURCES.entries())}; {', '.join(others)}); "
        "one's own data is named by its path"
    )


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
