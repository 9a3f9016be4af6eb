"""Hold the strategies to the figures of others.

python -m fidelity                 make the runs that are missing, print how every row stands (`make fidelity`)
python -m fidelity mammoth hat/    only for rows whose name has one of these in it (those on MNIST take hours)
python -m fidelity --list          how rows stand by what is kept; nothing is run
python -m fidelity --write         docs/fidelity.md and docs/strategies/, from what is kept
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fidelity import page, strategy_pages
from fidelity.records import Book
from fidelity.standing import NO_RECORD, Standing, counts, standing, told
from fidelity.targets import TARGETS, Row, read_targets
from scenarios.errors import RequestError

COLOURS = {"within": "green", "out": "red"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m fidelity", description="Our figures beside those of others.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of the names of rows; all without one")
    parser.add_argument("--list", action="store_true", help="say how rows stand by what is kept, run nothing")
    parser.add_argument("--write", action="store_true", help="write the pages in docs/ from what is kept")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="runs at a time, a thread each (2)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where data sets are looked for")
    parser.add_argument("--download", action="store_true", help="have data sets fetched that are not here")
    parser.add_argument("--targets", type=Path, default=TARGETS, metavar="FILE", help="other targets")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="where records are kept")
    parser.add_argument("--out", type=Path, default=Path("build/fidelity"), metavar="FOLDER", help="for the whole runs")
    asked = parser.parse_args(arguments)
    try:
        rows = read_targets(asked.targets)
        chosen = [row for row in rows if not asked.names or any(name in row.label for name in asked.names)]
        if not chosen:
            raise RequestError(f"no row is called {' or '.join(asked.names)}: python -m fidelity --list shows all")
        book = Book(asked.records) if asked.records else Book()
        if asked.write:
            page.write(rows, book)
            strategy_pages.write([standing(row, book) for row in rows])
            return 0
        return run(chosen, book, asked)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same call goes on", file=sys.stderr)
        return 130


def run(rows: Sequence[Row], book: Book, asked: argparse.Namespace) -> int:
    """Make what is missing and print how the rows stand: 0 where all that differ are explained, else 1."""
    from fidelity.running import download, make, work

    if asked.download:
        download(rows)
    found = work(rows, book, asked.data)
    failed = []
    if found.missing and not asked.list:
        print(f"{len(found.missing)} runs are missing; interrupted, the same call goes on with them", file=sys.stderr)
        failed = make(found, book, jobs=asked.jobs, out=asked.out, data=asked.data)
    standings = [told_why(standing(row, book), found.hindered) for row in rows]
    show(standings)
    if asked.list and found.missing:
        print(f"{len(found.missing)} runs are missing, or of another source: python -m fidelity makes them")
    for line in failed:
        print(line, file=sys.stderr)
    unexplained = [each.row.label for each in standings if each.state == "out" and not each.row.tried]
    if unexplained:
        print(f"out, and the targets do not say what was tried: {', '.join(unexplained)}", file=sys.stderr)
    return 1 if failed or unexplained else 0


def told_why(each: Standing, hindered: dict[str, str]) -> Standing:
    """Where a row has no record, what hinders it here."""
    reason = hindered.get(each.row.label)
    return replace(each, reason=reason) if reason and each.state == NO_RECORD else each


def show(standings: Sequence[Standing]) -> None:
    """Print them all, and how many there are of each state."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("protocol", "kind", "strategy"):
        table.add_column(heading)
    for heading in ("reference", "ours", "difference", "margin"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in standings:
        row, theirs = each.row, each.row.reference
        table.add_row(
            row.protocol.name,
            row.kind,
            row.name,
            told(theirs.mean, theirs.sd, theirs.n),
            told(each.mean, each.sd, len(each.values) if each.values else None),
            "" if each.difference is None else f"{each.difference:+.2f}",
            f"{row.margin:.2f}",
            f"[{COLOURS.get(each.state, 'dim')}]{each.state}[/]" + (f": {each.broken}" if each.broken else ""),
        )
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=160)).print(table)
    print(counts(standings))


if __name__ == "__main__":
    sys.exit(main())
