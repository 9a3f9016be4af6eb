"""The page docs/fidelity.md, made of the targets and of what is kept, and of nothing else."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from fidelity.records import Book
from fidelity.standing import NO_RECORD, Standing, standing, told
from fidelity.targets import Origin, Protocol, Row
from scenarios.options import spelled

PAGE = Path(__file__).parents[1] / "docs" / "fidelity.md"

INTRODUCTION = """\
# Fidelity

Does a strategy here do what it does elsewhere? Each row below is a figure of others, and what Forgetless finds under
the same protocol: network, optimiser, budget, hyper-parameters, data. `make fidelity` makes the runs that are missing
and prints these tables; `fidelity/targets.toml` holds the figures with their sources, `fidelity/records/` the runs.

All numbers are percent, the mean over runs ± their standard deviation (the number of runs). A row **holds** where the
two means differ by no more than a margin: two standard deviations of the reference, but at least 2 points. A row
that does not hold stays, and says what was tried. Where a figure needs data that no run here has seen, there is
**no record**: MNIST is looked for as `split-mnist` looks for it, and the row runs where it is. A reference is
*published*, or was found *by code* of its authors on the data named, or was *measured here* with a peer's own code
(`fidelity/peers/`)."""

ORIGINS: dict[Origin, str] = {"published": "published", "code": "by code", "measured": "measured here"}

VERDICTS = {"within": "holds", "out": "**does not hold**"}

FAMILIAR = {"device", "threads", "compile", "properties", "scenario"}
"""Options that are the same everywhere, or said elsewhere."""


def page(rows: Sequence[Row], book: Book) -> str:
    """The whole page, in Markdown."""
    standings = [standing(row, book) for row in rows]
    parts = [INTRODUCTION, summary(standings), cost(standings)]
    for protocol, group in groupby(standings, key=lambda each: each.row.protocol):
        parts.append(section(protocol, list(group)))
    return "\n\n".join(parts) + "\n"


def summary(standings: Sequence[Standing]) -> str:
    """How many rows hold, by origin of the figure."""
    lines = ["| reference | rows | hold | do not | no record | not expressible |", "|---|--:|--:|--:|--:|--:|"]
    for origin, name in [*ORIGINS.items(), (None, "all")]:
        own = [each for each in standings if origin is None or each.row.protocol.origin == origin]
        within, out, none = (sum(each.state == state for each in own) for state in ("within", "out", NO_RECORD))
        lines.append(f"| {name} | {len(own)} | {within} | {out} | {none} | {len(own) - within - out - none} |")
    return "\n".join(lines)


def cost(standings: Sequence[Standing]) -> str:
    """What it takes to make all runs behind the rows once more; some are behind several."""
    runs = {run.spec.model_dump_json(): run for each in standings for run in each.runs}
    minutes = sum(run.seconds for run in runs.values()) / 60
    return (
        f"The {len(runs)} runs behind these figures took {minutes:.0f} minutes of training, on one core each; "
        "`make fidelity` makes two at a time."
    )


def section(protocol: Protocol, standings: Sequence[Standing]) -> str:
    """One protocol with its rows."""
    shared = common(standings)
    lines = [
        "| kind | strategy | reference | ours | difference | margin | |",
        "|---|---|--:|--:|--:|--:|---|",
        *(f"| {' | '.join(cells(each, shared))} |" for each in standings),
    ]
    said = [
        f"- {each.row.kind}, {each.row.name}: {' '.join(text.split())}"
        for each in standings
        for text in (each.row.note, each.row.tried, each.row.impossible, each.broken)
        if text
    ]
    scenarios = dict.fromkeys(each.row.scenario for each in standings)
    facts = (
        f"Reference: {ORIGINS[protocol.origin]}. {protocol.source}",
        protocol.text,
        f"Scenarios: {', '.join(f'`{name}`' for name in scenarios)}. All rows: `{words(shared)}`.",
    )
    parts = [f"## {protocol.title}", *(fact for fact in facts if fact), "\n".join(lines)]
    return "\n\n".join([*parts, "\n".join(said)] if said else parts)


def common(standings: Sequence[Standing]) -> dict[str, object]:
    """The options that all rows of a protocol share."""
    first, *others = (each.row.options for each in standings)
    return {
        name: value
        for name, value in first.items()
        if name not in FAMILIAR and all(other.get(name) == value for other in others)
    }


def cells(each: Standing, shared: Mapping[str, object]) -> list[str]:
    """One row of a table; options that all rows share are not said again."""
    row, reference = each.row, each.row.reference
    own = {name: value for name, value in row.options.items() if name not in {*FAMILIAR, *shared}}
    settings = {name: values[0] for name, values in row.settings.items()}
    strategy = " ".join(filter(None, [row.strategy, words(settings), words(own)]))
    name = "" if row.name == row.strategy else f"{row.name}: "
    measure = "" if row.measure == "average_accuracy" else f" ({row.measure})"
    return [
        row.kind,
        f"{name}`{strategy}`{measure}",
        told(reference.mean, reference.sd, reference.n),
        told(each.mean, each.sd, len(each.values) if each.values else None),
        "–" if each.difference is None else f"{each.difference:+.2f}",
        f"{row.margin:.2f}",
        VERDICTS.get(each.state, each.state),
    ]


def words(options: Mapping[str, object]) -> str:
    """Options as on a command line."""
    return " ".join(f"{name}={spelled(value)}" for name, value in options.items())


def write(rows: Sequence[Row], book: Book) -> None:
    PAGE.write_text(page(rows, book), encoding="utf-8")
