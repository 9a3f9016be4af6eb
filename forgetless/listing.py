"""`forgetless list`: what there is, read without importing torch."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forgetless import shared
from scenarios.errors import RequestError
from scenarios.registry import Entry, Registry

if TYPE_CHECKING:
    from rich.console import Console

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
    plugin: shared.Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    picture: Annotated[
        str | None, typer.Option(metavar="NAME", help="Draw the tasks of this scenario into a PNG file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; NAME-tasks.png if not said.")] = None,
    check: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print this scenario's digest, tasks, and test examples seen in training."),
    ] = None,
    data: shared.Data = None,
) -> None:
    """List scenarios, strategies, properties, networks and metrics; or look at one scenario."""
    from scenarios.registry import load_plugin

    for place in plugin or []:
        load_plugin(place)
    if any(given is not None for given in (picture, check, out, data)):
        _look_at_one(kind, as_json, picture, out, check, data)
        return
    kinds = [kind] if kind else list(Listed)
    if as_json:
        found = [{"kind": one.value, **item} for one in kinds for item in things(one)]
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    _print_tables(kinds)


def _look_at_one(
    kind: Listed | None, as_json: bool, picture: str | None, out: Path | None, check: str | None, data: Path | None
) -> None:
    from forgetless.shown_scenario import print_check, save_picture

    if picture is None and check is None:
        if out is not None:
            raise RequestError("--out is the file of a picture: say which with --picture NAME")
        raise RequestError("--data is where the data of one scenario is looked for: say which with --check NAME")
    option = "--check" if picture is None else "--picture"
    if kind is not Listed.scenarios:
        raise RequestError(f"{option} is for scenarios: forgetless list scenarios {option} NAME")
    if as_json:
        raise RequestError(f"--json lists what there is: leave it out, or {option}")
    if picture is not None and check is not None:
        raise RequestError("--picture and --check are two requests: make one after the other")
    if picture is not None:
        print(save_picture(picture, out, data))
    elif out is not None:
        raise RequestError("--out is the file of a picture: --check prints")
    elif check is not None:
        print_check(check, data)


def things(kind: Listed) -> list[dict[str, Any]]:
    """Name, summary and options of everything of one kind; of scenarios also kinds, tasks, classes and data."""
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
        from forgetless.listed_scenarios import scenarios

        return scenarios()
    if kind is Listed.properties:
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

    console = Console()
    for kind in kinds:
        if kind is Listed.scenarios:
            _print_scenarios(console)
        else:
            _print_table(console, kind.value.capitalize(), things(kind))


def _print_scenarios(console: "Console") -> None:
    """Families and sources apart: one of each makes a name, and all of them would be hundreds of lines."""
    from rich.text import Text

    from forgetless.listed_scenarios import all_sources, families, others

    _print_table(console, "Families of scenarios (each over any source, as split-digits)", families())
    _print_table(console, "Sources", all_sources())
    _print_table(console, "Scenarios of their own examples", others())
    console.print(Text(OWN, style="italic"))


def _print_table(console: "Console", title: str, items: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for item in items:
        about = Text(item["summary"])
        options = item.get("options", {})
        defaults = [f"{name}={text.rpartition(' = ')[2]}" for name, text in options.items()]
        if defaults:
            about.append("\n" + ", ".join(defaults).replace("'", ""), style="dim")
        if "shape" in item:
            classes = "" if item["classes"] is None else f"{item['classes']} classes"
            notes = [classes, "×".join(map(str, item["shape"])), item["data"]]
            about.append("\n" + " · ".join(filter(None, notes)), style="italic" if item["available"] else "dim italic")
        if "kinds" in item:
            tasks = "" if item.get("tasks") is None else f"{item['tasks']} tasks"
            images = "images only" if item.get("images") else ""
            notes = [item.get("paper", ""), ", ".join(item["kinds"]), tasks, images, item.get("data", "")]
            about.append("\n" + " · ".join(filter(None, notes)), style="italic")
        table.add_row(item["name"], about)
    console.print(table)
    console.print()
