"""Tables of the leaderboard, for people: `leaderboard show` and `run` print the same."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from leaderboard.board import Row, Table

STANDARD = ("average_accuracy", "forgetting", "learning_accuracy", "gap_closed")
"""Metrics that a table shows beside the one asked for."""


def print_tables(tables: Sequence[Table]) -> None:
    """Print each table with its title and footnotes; where no terminal sets the width, lines are long."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    for table in tables:
        console.print(render(table))


def render(table: Table) -> Group:
    """One protocol as rich text: a title, a row an entry, then what the figures alone do not say.

    The metric that ranks has its 95 % interval; the others are means, so that a row fits a terminal.
    """
    beside = [name for name in STANDARD if name != table.metric]
    metrics = [table.metric, *beside]
    grid = Grid(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("#", justify="right", no_wrap=True)
    grid.add_column("strategy", overflow="fold")
    for name in metrics:
        grid.add_column(_heading(table, name), justify="right", no_wrap=True)
    grid.add_column("n", justify="right", no_wrap=True)
    grid.add_column("diverged", justify="right", no_wrap=True)
    for row in table.rows:
        asked = _figure(row, table, table.metric, interval=True)
        figures = [_figure(row, table, name, interval=False) for name in beside]
        cells = [str(row.rank), label(row), asked, *figures, str(row.n), str(row.diverged or "")]
        grid.add_row(*(Text(cell) for cell in cells))
    notes = [Text(note, style="dim") for note in _notes(table, metrics)]
    return Group(Text(title(table), style="bold"), Text(), grid, *notes, Text())


def title(table: Table) -> str:
    """What the entries of a table have in common: scenario, budget, what guessing gives."""
    budget = f"{table.epochs} epochs" if table.epochs else f"{table.iterations} iterations"
    parts = [
        _plain(table.scenario),
        budget.removesuffix("s") if budget.startswith("1 ") else budget,
        f"batches of {table.batch_size}",
        *(["order of classes by seed"] if table.classes == "by seed" else []),
        *([f"tuned: {table.tuning}"] if table.tuning else []),
        *([f"chance {_number(table.rows[0].chance, '%')} %"] if table.rows else []),
        f"protocol {table.protocol}",
    ]
    return " · ".join(parts)


def label(row: Row) -> str:
    """The strategy, with what tells it from other rows: `ewc strength=100`."""
    return _plain(" ".join([row.strategy, *(f"{name}={_value(it)}" for name, it in row.differing.items())]))


def _notes(table: Table, metrics: Sequence[str]) -> list[str]:
    notes = list(table.notes)
    for row in table.rows:
        notes += [f"{label(row)}: {note}" for note in row.notes]
        asked = row.metrics.get(table.metric)
        if asked is not None and asked.n != row.n:
            notes.append(f"{label(row)}: {_words(table.metric)} is over {asked.n} of {row.n} runs")
    reasons: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in table.rows:
        for why in dict.fromkeys(row.undefined[name] for name in metrics if name in row.undefined):
            missing = tuple(_words(name) for name in metrics if row.undefined.get(name) == why)
            reasons.setdefault((why, missing), []).append(label(row))
    notes += [f"– {', '.join(missing)} of {', '.join(of)}: {why}" for (why, missing), of in reasons.items()]
    return [_plain(note) for note in notes]


def _heading(table: Table, name: str) -> Text:
    return Text("\n".join([*_plain(_words(name)).split(), _unit(table, name)]))


def _unit(table: Table, name: str) -> str:
    """The unit a metric is shown in: shares as percentages, others as they are."""
    unit = table.units.get(name, "share")
    return "%" if unit.split()[:1] == ["share"] else _plain(unit)


def _figure(row: Row, table: Table, name: str, *, interval: bool) -> str:
    value, unit = row.metrics.get(name), _unit(table, name)
    if value is None:
        return "–"
    mean = _number(value.mean, unit)
    if not interval or value.low is None or value.high is None:
        return mean
    return f"{mean} [{_number(value.low, unit)}, {_number(value.high, unit)}]"


def _number(value: float, unit: str) -> str:
    if unit == "%":
        return f"{round(100 * value, 1) + 0.0:.1f}"  # adding zero, as -0.0 would be shown with its sign
    return f"{value:.3g}"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(text: str) -> str:
    """Text of a record made by anyone, without characters that would drive the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
