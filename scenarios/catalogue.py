"""All scenarios and sources by name, listed without reading data or importing torch."""

import ast
import importlib
import sys
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
canonical one: natural order of classes, the permutations of seed 0. A family whose first parameter is called
`images` is made over images only. A scenario that brings its own may be registered with what a list says of it, in
literals: `classes`, `tasks`, `kinds` where it has no such option, and `data` or the `sources` it is made of.
"""

SOURCES: Registry[Callable[[Path | None], "Source"]] = Registry("source", "scenarios.sources", "forgetless.sources")
"""Loaders of a source; the path is where the user says its files are, or None.

One is registered with the number of its `classes` and the `shape` of an input, which says what is possible with it
before any data is read: `@register("digits", classes=10, shape=(1, 8, 8), data="with scikit-learn")`. `data` says where
it comes from; a source of downloaded files has `DATA` in its module instead, `Files` that know where they are.
"""


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
            listed[name] = Entry(name, summary, entry.options, entry.module, entry.takes, entry.attributes)
    return listed


def scenario_parts() -> dict[str, tuple[str, str | None]]:
    """What every scenario's name is made of: a family and a source, or one that brings its own examples.

    Raises:
        RequestError: where two have one name.
    """
    parts: dict[str, tuple[str, str | None]] = {}
    for family, entry in SCENARIOS.entries().items():
        for source in SOURCES.entries() if entry.takes_source else [None]:
            if source is not None and impossible(family, source):
                continue
            name = family if source is None else f"{family}-{source}"
            if name in parts:
                raise RequestError(
                    f"the scenario name {name!r} of {entry.module} is taken by "
                    f"{SCENARIOS.entries()[parts[name][0]].module}: choose another"
                )
            parts[name] = (family, source)
    return parts


def impossible(family: str, source: str) -> str | None:
    """Why a family cannot be made over a source, or None where it can."""
    inputs = modality(source_shape(source))
    if SCENARIOS.entries()[family].takes == "images" and inputs != "images":
        return f"{family} needs images, but the inputs of {source} are {inputs}"
    return None


def source_shape(source: str) -> tuple[int, ...]:
    """The shape of one input as the source declares it, or () where it declares none."""
    declared = SOURCES.entries()[source].attribute("shape")
    return tuple(ast.literal_eval(declared)) if declared else ()


def modality(shape: tuple[int, ...]) -> str:
    """What inputs of a shape are: (features,), (1, length) or (channels, height, width)."""
    return {1: "tables", 2: "signals"}.get(len(shape), "images")


def data_place(source: str) -> dict[str, str | bool | None]:
    """Where the data of a source is on this machine: `available` (None: not known), and `data`, where or why not."""
    entry = SOURCES.entries()[source]
    if declared := entry.attribute("data"):
        return {"available": True, "data": str(ast.literal_eval(declared))}
    # A module of somebody else may import anything, torch too: it is asked only where it has been loaded already.
    module = sys.modules.get(entry.module)
    if module is None and entry.module.startswith("scenarios."):
        module = importlib.import_module(entry.module)
    files = getattr(module, "DATA", None)
    if files is None:
        return {"available": None, "data": ""}
    found = files.here()
    return {"available": found is not None, "data": str(found) if found else files.absent()}
