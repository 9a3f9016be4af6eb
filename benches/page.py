"""The page docs/performance.md, made of what was measured and of nothing else."""

from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from benches.pictures import CHARTS, draw
from benches.report import Report, Table

DOCS = Path(__file__).parents[1] / "docs"
JSON = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
PICTURES = DOCS / "performance"

INTRODUCTION = """\
# Performance

What training costs here, and what it costs elsewhere. All of this is the output of `make bench`, on a machine with
{cores} cores, with torch {torch} on its processor; `python -m benches --write` makes this page of it.

**1.00 is a plain PyTorch loop written by hand**: float tensors in memory, a shuffled pass, `zero_grad`, forward,
`backward`, `step`. What is compared is measured in turn, in many short rounds, and a ratio is the median of those
within a round. Ratios hold when a machine is slower or busier; the seconds beside them are of that one machine, which
was not equally fast whenever a table was measured: the plain loop's own time says how fast."""


def page(report: Report) -> str:
    """The whole page, in Markdown."""
    parts = [INTRODUCTION.format(**report.machine), *map(section, report.tables.values())]
    return "\n\n".join(parts) + "\n"


def section(table: Table) -> str:
    rows = [table.headings, ["--:" if unit else "---" for unit in table.columns.values()], *table.lines]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    picture = [f"![{table.title}]({PICTURES.name}/{table.name}.svg)"] if table.name in CHARTS else []
    return "\n\n".join([f"## {table.title}", table.text, *picture, "\n".join(lines), footnote(table)])


def footnote(table: Table) -> str:
    """How long it took, and how busy the machine was."""
    busy = "" if table.load is None else f"; {table.load:.1f} processes wanted a core meanwhile, these among them"
    return f"{table.seconds:.0f} s to measure{busy}."


def write(report: Report) -> None:
    """Page, pictures, and the numbers they are made of."""
    PICTURES.mkdir(exist_ok=True)
    for name in CHARTS.keys() & report.tables.keys():
        (PICTURES / f"{name}.svg").write_text(draw(report.tables[name]), encoding="utf-8")
    report.write(JSON)
    PAGE.write_text(page(report), encoding="utf-8")


def show(table: Table) -> None:
    """Print a table."""
    shown = RichTable(title=table.title, title_justify="left", caption=footnote(table), caption_justify="left")
    for heading, unit in zip(table.headings, table.columns.values(), strict=True):
        shown.add_column(heading, justify="right" if unit else "left")
    for line in table.lines:
        shown.add_row(*line)
    Console(width=120).print(shown)
