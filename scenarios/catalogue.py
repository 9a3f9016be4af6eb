"""All scenarios and sources by name, listed without reading data or importing torch."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.registry import Entry, Registry

if TYPE_CHECKING:
    from scenarios.sources.source import Source
    from scenarios.task import Scenario

SCENARIOS: Registry[Callable[..., "Scenario"]] = Registry("scenario", "scenarios", "forgetless.scenarios")
"""Builders: `family(source, seed, *, kind=…, …)`, or `scenario(seed, *, …)` for one that brings its own data.

`seed` draws what the sequence leaves to chance (the order of classes, permutations); None asks for the
canonical one: natural order of classes, the permutations of seed 0.
"""

SOURCES: Registry[Callable[[Path | None], "Source"]] = Registry(
    "source", "scenarios.sources", "forgetless.sources"
)
"""Loaders of a source; the path is where the user says its files are, or None."""


def list_scenarios() -> dict[str, Entry]:
    """Every scenario by name: each family over each source, and those that bring their own examples."""
    listed: dict[str, Entry] = {}
    for name, entry in SCENARIOS.entries().items():
        if not entry.takes_source:
            listed[name] = entry
            continue
        for source, about in SOURCES.entries().items():
            summary = f"{entry.summary} {about.summary}"
            listed[f"{name}-{source}"] = Entry(f"{name}-{source}", summary, entry.options, entry.module)
    return listed
