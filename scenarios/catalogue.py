"""All scenarios and sources by name, listed without reading data or importing torch."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError
from scenarios.registry import Entry, Registry

if TYPE_CHECKING:
    from scenarios.sources.source import Source
    from scenarios.task import Scenario

SCENARIOS: Registry[Callable[..., "Scenario"]] = Registry("scenario", "scenarios", "forgetless.scenarios")
"""Builders: `family(source, seed, *, kind=…, …)`, or `scenario(seed, *, …)` for one that brings its own data.

`seed` draws what the sequence leaves to chance (the order of classes, permutations); None asks for the
canonical one: natural order of classes, the permutations of seed 0.
"""

SOURCES: Registry[Callable[[Path | None], "Source"]] = Registry("source", "scenarios.sources", "forgetless.sources")
"""Loaders of a source; the path is where the user says its files are, or None."""


def list_scenarios() -> dict[str, Entry]:
    """Every scenario by name: each family over each source, and those that bring their own examples.

    Raises:
        RequestError: where two have one name.
    """
    listed: dict[str, Entry] = {}
    for name, (family, source) in scenario_parts().items():
        entry = SCENARIOS.entries()[family]
        if source is None:
            listed[name] = entry
        else:
            summary = f"{entry.summary} {SOURCES.entries()[source].summary}"
            listed[name] = Entry(name, summary, entry.options, entry.module)
    return listed


def scenario_parts() -> dict[str, tuple[str, str | None]]:
    """What every scenario's name is made of: a family and a source, or one that brings its own examples.

    Raises:
        RequestError: where two have one name.
    """
    parts: dict[str, tuple[str, str | None]] = {}
    for family, entry in SCENARIOS.entries().items():
        for source in SOURCES.entries() if entry.takes_source else [None]:
            name = family if source is None else f"{family}-{source}"
            if name in parts:
                raise RequestError(
                    f"the scenario name {name!r} of {entry.module} is taken by "
                    f"{SCENARIOS.entries()[parts[name][0]].module}: choose another"
                )
            parts[name] = (family, source)
    return parts
