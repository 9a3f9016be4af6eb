"""A page a strategy, docs/strategies/NAME.md, made of its source, of the rows that hold it to others, and of
`failures.toml`, which says where it is known to fail."""

import inspect
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.page import VERDICTS
from fidelity.standing import Standing, told
from forgetless.listing import Listed, things
from scenarios.options import spelled
from strategies.catalogue import STRATEGIES
from strategies.strategy import REASONS, hyperparameters_of

FOLDER = Path(__file__).parents[1] / "docs" / "strategies"

FAILURES = Path(__file__).with_name("failures.toml")
"""Where each strategy is known to fail: its name, and a sentence or two with their source."""


def failures() -> dict[str, str]:
    """The known failure of each strategy, by name."""
    return tomllib.loads(FAILURES.read_text(encoding="utf-8"))


def own(item: Mapping[str, Any]) -> bool:
    """Whether a strategy in the list is one of ours, neither a plug-in nor another library's."""
    return item["module"].startswith("strategies.") and "/" not in item["name"]


def names() -> list[str]:
    """Strategies of our own."""
    return [item["name"] for item in things(Listed.strategies) if own(item)]


def pages(standings: Sequence[Standing]) -> dict[str, str]:
    """All pages by file name, the list of them among them."""
    known = failures()
    found = {file_of(name): page(name, known[name], standings) for name in names()}
    return {"README.md": contents(), **found}


def file_of(name: str) -> str:
    return f"{name.replace('+', 'plus')}.md"


def contents() -> str:
    """The list of all strategies."""
    lines = [
        "# Strategies",
        "",
        "Each in one file in `strategies/`; each page is made by `python -m fidelity --write`.",
        "",
        "| strategy | idea | kinds | paper |",
        "|---|---|---|---|",
    ]
    for item in things(Listed.strategies):
        if own(item):
            link = f"[{item['name']}]({file_of(item['name'])})"
            lines.append(f"| {link} | {item['summary']} | {', '.join(item['kinds'])} | {item['paper']} |")
    return "\n".join(lines) + "\n"


def page(name: str, failure: str, standings: Sequence[Standing]) -> str:
    """One strategy: idea, equations, what it stores, hyper-parameters, known failure, reference rows."""
    (item,) = (each for each in things(Listed.strategies) if each["name"] == name)
    docstring = inspect.getdoc(STRATEGIES.get(name)) or ""
    text, _, sections = docstring.partition("\nArgs:\n")
    summary, _, body = text.partition("\n\n")
    needs = [f"- {need}: {REASONS[need]}" for need in item["needs"]]
    parts = [
        f"# {name}",
        " ".join(summary.split()),
        f"Source: `{item['module'].replace('.', '/')}.py`." + (f" Paper: {item['paper']}." if item["paper"] else ""),
        f"Kinds of scenario: {', '.join(item['kinds'])}.",
        markdown(body.strip()),
        "## What it stores\n\n" + stored(name),
        "## Hyper-parameters\n\n" + table(name, arguments(sections)),
        *(["## What it needs\n\n" + "\n".join(needs)] if needs else []),
        f"## Known failure\n\n{' '.join(failure.split())}",
        "## Held to others\n\n" + rows([each for each in standings if each.row.strategy == name]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown(text: str) -> str:
    """A docstring's text, in which indented lines are equations."""
    return re.sub(
        r"(?:^|(?<=\n))((?:    .*(?:\n|$))+)", lambda found: f"```\n{inspect.cleandoc(found[1])}\n```\n", text
    )


def stored(name: str) -> str:
    """What is in the state of a strategy besides its network when it is made."""
    from benchmark.run import load_scenario
    from strategies.networks.network import build_network

    network_of = build_network("mlp:100x100", load_scenario("split-digits:task", None, None))
    strategy = STRATEGIES.get(name)(network_of)
    network = sum(parameter.nbytes for parameter in strategy.network.parameters())
    sizes: dict[str, int] = {}
    for entry, value in strategy.state_dict().items():
        part = entry.partition(".")[0]
        if part != "network":
            sizes[part] = sizes.get(part, 0) + value.nbytes
    if not sizes:
        return "Nothing besides the network."
    shares = [(part, size / network) for part, size in sizes.items()]
    told_ = [f"`{part}` {share:.2g} times" if share >= 0.01 else f"`{part}` all but empty" for part, share in shares]
    return (
        "Besides the network, before the first task and relative to the bytes of an `mlp:100x100` for the digits: "
        f"{', '.join(told_)}. The record says what it is after each task (`bytes_remembered`)."
    )


def arguments(text: str) -> dict[str, str]:
    """What a docstring says of each argument."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\S)", "\n" + text.partition("\n\n")[0]):
        name, colon, said = entry.strip().partition(":")
        for each in name.split(", ") if colon else ():
            found[each] = " ".join(said.split())
    return found


def table(name: str, said: Mapping[str, str]) -> str:
    options = hyperparameters_of(name)
    if not options:
        return "None."
    lines = ["| name | default | what it is |", "|---|---|---|"]
    for option in options.values():
        choices = f" One of {', '.join(map(spelled, option.choices))}." if option.choices else ""
        lines.append(f"| `{option.name}` | {spelled(option.default)} | {said.get(option.name, '')}{choices} |")
    return "\n".join(lines)


def rows(standings: Sequence[Standing]) -> str:
    counted = [each for each in standings if each.counted]
    if not counted:
        return "No row has been run yet: [all rows](../fidelity.md)."
    lines = ["| protocol | kind | reference | ours | |", "|---|---|--:|--:|---|"]
    for each in counted:
        row, reference = each.row, each.row.reference
        theirs = told(reference.mean, reference.sd, reference.n)
        ours = told(each.mean, each.sd, len(each.values) if each.values else None)
        verdict = VERDICTS.get(each.state, each.state)
        lines.append(f"| {row.protocol.title} | {row.kind} | {theirs} | {ours} | {verdict} |")
    return "\n".join(lines) + "\n\nProtocols, margins and all other rows: [fidelity](../fidelity.md)."


def write(standings: Sequence[Standing]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages(standings).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
