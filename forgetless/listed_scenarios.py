"""What `forgetless list scenarios` says: families, sources with where their data is, and scenarios of their own."""

import ast
import re
from typing import Any

from scenarios.catalogue import (
    SCENARIOS,
    SOURCES,
    data_place,
    list_scenarios,
    modality,
    scenario_parts,
    source_shape,
)
from scenarios.registry import Entry

KINDS = ["task", "domain", "class"]


def scenarios() -> list[dict[str, Any]]:
    """Every scenario that can be asked for, those of a family over a source one by one."""
    parts = scenario_parts()
    sources = {source["name"]: source for source in all_sources()}
    found = []
    for name, entry in list_scenarios().items():
        family, source = parts[name]
        data = sources[source] if source else {"classes": _literal(entry.attribute("classes"))} | _own_data(entry)
        found.append(
            {
                "name": name,
                "summary": entry.summary,
                "options": entry.options,
                "module": entry.module,
                "family": family if source else None,
                "source": source,
                "kinds": kinds(entry),
                "tasks": tasks(entry),
                **{key: data[key] for key in ("classes", "available", "data")},
            }
        )
    return found + [
        {"name": name, "module": entry.module, "family": None, "source": None, "classes": None}
        | _described(entry)
        | _own_data(entry)
        for name, entry in SCENARIOS.families().items()
    ]


def all_sources() -> list[dict[str, Any]]:
    """Every source: its classes, the shape of its inputs, and where its data is."""
    return [
        {
            "name": name,
            "summary": entry.summary,
            "classes": _literal(entry.attribute("classes")),
            "shape": list(source_shape(name)),
            "modality": modality(source_shape(name)),
            **data_place(name),
        }
        for name, entry in SOURCES.entries().items()
    ]


def families() -> list[dict[str, Any]]:
    """Every family over sources."""
    return [
        {"name": f"{name}-SOURCE", "images": entry.takes == "images", **_described(entry)}
        for name, entry in SCENARIOS.entries().items()
        if entry.takes_source
    ]


def others() -> list[dict[str, Any]]:
    """Every scenario that brings examples of its own, and the families of another library's."""
    entries = {name: entry for name, entry in SCENARIOS.entries().items() if not entry.takes_source}
    return [
        {"name": name, **_described(entry), **_own_data(entry)}
        for name, entry in (entries | SCENARIOS.families()).items()
    ]


def kinds(entry: Entry) -> list[str]:
    """The kinds that a scenario can be of, from its option or, where it has none, as it declares."""
    annotation = entry.options.get("kind", "").partition(" = ")[0]
    if "Literal" in annotation:
        return re.findall(r"'([^']+)'", annotation)
    if annotation:
        return KINDS
    return list(_literal(entry.attribute("kinds")) or [])


def tasks(entry: Entry) -> int | None:
    """How many tasks a scenario has where nobody says otherwise, or None where its source does not tell."""
    default = entry.options.get("tasks", "").rpartition(" = ")[2] or entry.attribute("tasks")
    value = _literal(default)
    return value if isinstance(value, int) else None


def _described(entry: Entry) -> dict[str, Any]:
    return {"summary": entry.summary, "options": entry.options, "kinds": kinds(entry), "tasks": tasks(entry)}


def _own_data(entry: Entry) -> dict[str, Any]:
    """Where a scenario's own data is: as it declares by `data`, or that of the `sources` which it declares."""
    if declared := _literal(entry.attribute("data")):
        return {"available": True, "data": declared}
    names = _literal(entry.attribute("sources"))
    if not names:
        return {"available": None, "data": ""}
    absent = [name for name in names if not data_place(name)["available"]]
    return {"available": not absent, "data": f"not here: {', '.join(absent)}" if absent else f"of {', '.join(names)}"}


def _literal(text: str) -> Any:
    """The value of a literal; None where the source says something that has to be run."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
