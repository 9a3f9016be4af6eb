"""docs/scenarios/: what scenarios and sources there are, made of their source, with a picture of each scenario's tasks.

python -m fidelity.scenario_pages            print the page
python -m fidelity.scenario_pages --write    write it, and the pictures of all scenarios whose data is here
"""

import argparse
import inspect
import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.strategy_pages import arguments, markdown
from forgetless.listed_scenarios import all_sources, families, others
from scenarios.catalogue import SCENARIOS, SOURCES, data_place
from scenarios.errors import RequestError
from scenarios.options import options_of, spelled
from scenarios.registry import Entry
from scenarios.scenario import scenario_reference

FOLDER = Path(__file__).parents[1] / "docs" / "scenarios"

SOURCE = "digits"
"""What families are shown over."""

SHOWN = {"spheres": "spheres:radii=1.3+1.6+2"}
"""Scenarios that show more of themselves than as they are without options."""

NOT_COUNTED = "–"

ABOUT = (
    "Made of their source by `python -m fidelity.scenario_pages --write`. Pictures are those of `forgetless list "
    "scenarios --picture NAME`: a row a task, some training examples as they are seen in it, their class below."
)

ABOUT_SOURCES = (
    "Duplicates are test examples whose very input is among the training examples as well, counted where the data was "
    "at hand. `forgetless list scenarios --check NAME` counts them in any scenario."
)


def listed() -> dict[str, dict[str, Any]]:
    """What a list says of our families, then of our scenarios of their own examples; plug-ins are not ours."""
    items = {item["name"].removesuffix("-SOURCE"): item for item in families() + others()}
    return {name: item for name, item in items.items() if ours(SCENARIOS.entries().get(name))}


def ours(entry: Entry | None) -> bool:
    return entry is not None and entry.module.startswith("scenarios.")


def our_sources() -> list[dict[str, Any]]:
    return [item for item in all_sources() if ours(SOURCES.entries()[item["name"]])]


def pictured(name: str) -> str:
    """The reference that the picture of a family or scenario is of."""
    return SHOWN.get(name) or (f"{name}-{SOURCE}" if SCENARIOS.entries()[name].takes_source else name)


def page(duplicates: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        duplicates: by source, how many of its test examples are among its training examples.
    """
    over: list[str] = []
    alone: list[str] = []
    for name, item in listed().items():
        (over if SCENARIOS.entries()[name].takes_source else alone).append(section(name, item))
    theirs = [f"- `{item['name']}`: {item['summary']}" for item in others() if item["name"] in SCENARIOS.families()]
    parts = [
        "# Scenarios",
        ABOUT,
        contents(),
        f"## Families\n\nEach over any source: `split-digits`, `split-fashion`, … They are shown over `{SOURCE}`.",
        *over,
        "## Scenarios of their own examples",
        *alone,
        *(["## Those of other libraries\n\n" + "\n".join(theirs)] if theirs else []),
        "## Sources",
        ABOUT_SOURCES,
        sources(duplicates),
    ]
    return "\n\n".join(parts) + "\n"


def contents() -> str:
    return " · ".join([*(f"[{name}](#{name})" for name in listed()), "[sources](#sources)"])


def section(name: str, item: Mapping[str, Any]) -> str:
    """One family or scenario: summary, kinds, what its docstring says, its options, its picture."""
    builder = SCENARIOS.get(name)
    text, _, said = (inspect.getdoc(builder) or "").partition("\nArgs:\n")
    summary, _, body = text.partition("\n\n")
    facts = [f"In `{SCENARIOS.entries()[name].module.replace('.', '/')}.py`", f"kinds: {', '.join(item['kinds'])}"]
    if item.get("images"):
        facts.append("images only")
    drawn = FOLDER / file_of(name)
    picture = f"![{pictured(name)}]({drawn.name})" if drawn.exists() else "No picture: its data was not at hand."
    parts = [
        f"### {name}",
        " ".join(summary.split()),
        "; ".join(facts) + ".",
        markdown(body.strip()),
        options(builder, arguments(said)),
        picture,
    ]
    return "\n\n".join(part for part in parts if part)


def file_of(name: str) -> str:
    return f"{name}.png"


def options(builder: Any, said: Mapping[str, str]) -> str:
    """A table of a builder's options; what the seed draws is said below it."""
    lines = ["| option | default | what it is |", "|---|---|---|"]
    for option in options_of(builder).values():
        choices = f" One of {', '.join(map(spelled, option.choices))}." if option.choices else ""
        default = "" if option.default is inspect.Parameter.empty else spelled(option.default)
        lines.append(f"| `{option.name}` | {default} | {said.get(option.name, '')}{choices} |")
    return "\n".join(lines) + (f"\n\nThe seed: {said['seed']}" if said.get("seed") else "")


def sources(duplicates: Mapping[str, str]) -> str:
    """All sources, with what is the same on every machine."""
    lines = ["| source | what it is | classes | shape | data | duplicates |", "|---|---|--:|---|---|--:|"]
    for item in our_sources():
        shape = "×".join(map(str, item["shape"]))
        cells = [f"`{item['name']}`", item["summary"], str(item["classes"]), shape, data_of(item["name"])]
        lines.append(f"| {' | '.join(cells)} | {duplicates.get(item['name'], NOT_COUNTED)} |")
    return "\n".join(lines)


def data_of(source: str) -> str:
    """Where a source's data comes from: not where it is here."""
    entry = SOURCES.entries()[source]
    if entry.attribute("data"):
        return str(data_place(source)["data"])
    files = sys.modules[SOURCES.get(source).__module__].__dict__["DATA"]
    return "downloaded by torchvision" if files.torchvision else str(files.advice)


def kept() -> dict[str, str]:
    """The duplicates that the committed page gives, by source."""
    path = FOLDER / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return dict(re.findall(r"^\| `([^`]+)` \|[^\n]*\| ([\d,]+ of [\d,]+) \|$", text, re.MULTILINE))


def counted() -> dict[str, str]:
    """Duplicates by source, of those whose data is here."""
    from scenarios.integrity import duplicates
    from scenarios.sources.source import load_source

    found = {}
    for item in our_sources():
        if item["available"]:
            source = load_source(item["name"])
            found[item["name"]] = f"{len(duplicates(source)):,} of {len(source.test_y):,}"
    return found


def draw(name: str) -> None:
    """Write the picture of a family or scenario, in few colours, which takes a third of the bytes."""
    from benchmark.files import write_atomically
    from scenarios.pictures import picture

    content = io.BytesIO()
    picture(scenario_reference(pictured(name)).build()).quantize(64).save(content, "PNG", optimize=True)
    write_atomically(FOLDER / file_of(name), content.getvalue())


def write() -> None:
    """Pictures first: the page says which there are."""
    for name, item in listed().items():
        if item.get("available") is not False:
            try:
                draw(name)
            except RequestError as error:
                print(f"{name} keeps the picture it has, if any: {error}", file=sys.stderr)
    (FOLDER / "README.md").write_text(page(kept() | counted()), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m fidelity.scenario_pages", description="The page of all scenarios.")
    parser.add_argument("--write", action="store_true", help="write docs/scenarios/")
    if parser.parse_args(arguments).write:
        write()
    else:
        print(page(kept()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
