"""`forgetless list`: what there is, read without importing torch."""

import json
import re
from enum import StrEnum
from typing import Annotated, Any

import typer

from scenarios.registry import Entry, Registry

OWN = (
    "Your own data is a scenario by its path: a folder of class folders with images, an .npz with x and y, a folder "
    "with x.npy and y.npy, a .csv or .parquet with a label column; FAMILY-PATH gives it to another family than split."
)


class Listed(StrEnum):
    """What can be listed."""

    scenarios = "scenarios"
    strategies = "strategies"
    properties = "properties"
    networks = "networks"
    metrics = "metrics"


def list_things(
    kind: Annotated[Listed | None, typer.Argument(help="What to list; everything where left out.")] = None,
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers more.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List scenarios, strategies, properties, networks and metrics."""
    from scenarios.registry import load_plugin

    for place in plugin or []:
        load_plugin(place)
    kinds = [kind] if kind else list(Listed)
    if as_json:
        found = [{"kind": one.value, **item} for one in kinds for item in things(one)]
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    _print_tables(kinds)


def things(kind: Listed) -> list[dict[str, Any]]:
    """Name, summary and options of everything of one kind."""
    if kind is Listed.metrics:
        from benchmark.metrics import METRICS

        return [
            {
                "name": metric.name,
                "summary": metric.summary,
                "better": metric.better,
                "needs": metric.needs,
                "evaluate": metric.evaluate,
            }
            for metric in METRICS.values()
        ]
    if kind is Listed.scenarios:
        from scenarios.catalogue import list_scenarios

        entries = list_scenarios()
    elif kind is Listed.properties:
        from benchmark.catalogue import PROPERTIES

        entries = PROPERTIES.entries()
    else:
        from strategies.catalogue import NETWORKS, STRATEGIES

        registry: Registry[Any] = STRATEGIES if kind is Listed.strategies else NETWORKS
        entries = registry.entries() | registry.families()
    return [
        {"name": name, "summary": entry.summary, "options": entry.options, "module": entry.module, **_more(kind, entry)}
        for name, entry in entries.items()
    ]


def _more(kind: Listed, entry: Entry) -> dict[str, Any]:
    """What a strategy's source says of it besides: its paper, what it needs, and the kinds of scenario that give it."""
    if kind is not Listed.strategies:
        return {}
    needs = sorted(re.findall(r"[\"']([^\"']+)[\"']", entry.attribute("needs")))
    kinds = ["task"] if "task at test time" in needs else ["task", "domain", "class"]
    return {"paper": entry.attribute("paper").strip("\"'"), "kinds": kinds, "needs": needs}


def _print_tables(kinds: list[Listed]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for kind in kinds:
        table = Table(title=kind.value.capitalize(), title_justify="left", box=None, padding=(0, 2, 0, 0))
        table.add_column("name", style="bold", no_wrap=True)
        table.add_column("what it is")
        for item in things(kind):
            about = Text(item["summary"])
            options = item.get("options", {})
            defaults = [f"{name}={text.rpartition(' = ')[2]}" for name, text in options.items()]
            if defaults:
                about.append("\n" + ", ".join(defaults).replace("'", ""), style="dim")
            if "kinds" in item:
                about.append("\n" + " · ".join(filter(None, [item["paper"], ", ".join(item["kinds"])])), style="italic")
            table.add_row(item["name"], about)
        console.print(table)
        if kind is Listed.scenarios:
            console.print(Text(OWN, style="italic"))
        console.print()
