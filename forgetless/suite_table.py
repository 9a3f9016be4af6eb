"""How a suite stands, for people: a live table while it runs, and the plan before."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmark.observers.progress import Ended, Event, Progress, Started

if TYPE_CHECKING:
    from forgetless.suite import Cell

COLUMNS = ("completed", "diverged", "failed", "refused", "running", "left")
COLOURS = {"completed": "green", "diverged": "yellow", "failed": "red", "refused": "magenta"}


class SuiteProgress(Progress):
    """The progress of the runs under way, below a table that counts all runs of the suite, a row a scenario.

    Without a terminal there is a line for each run that ends, and one before for each pair that is refused.

    Args:
        cells: all of the suite. Events are about those that are left, by their number among these.
        quiet, console: as for `Progress`.
    """

    def __init__(self, cells: Sequence["Cell"], *, quiet: bool = False, console: Console | None = None) -> None:
        left = [cell for cell in cells if cell.left]
        self._scenario = {str(key): cell.request.spec.scenario for key, cell in enumerate(left)}
        self._counts: dict[str, Counter[str]] = {}
        for cell in cells:
            counts = self._counts.setdefault(cell.request.spec.scenario, Counter())
            counts["left" if cell.left else cell.state] += 1
        super().__init__(len(left), quiet=quiet, console=console)
        for reason in dict.fromkeys(cell.refused for cell in cells if cell.refused):
            self.note(f"refused: {reason}")
        known = sum(cell.record is not None for cell in cells)
        if known:
            self.note(f"{known} of {len(cells)} runs are there already")

    @property
    def left(self) -> int:
        """How many runs have not ended."""
        return sum(counts["left"] + counts["running"] for counts in self._counts.values())

    def apply(self, event: Event) -> None:
        counts = self._counts[self._scenario[event.run]]
        with self._lock:
            match event:
                case Started():
                    counts["left"] -= 1
                    counts["running"] += 1
                case Ended(run, status):
                    counts["running" if run in self._runs else "left"] -= 1
                    counts[status] += 1
        super().apply(event)

    def _display(self) -> RenderableType:
        with self._lock:
            rows = {scenario: Counter(counts) for scenario, counts in self._counts.items()}
        if len(rows) > 1:
            rows["all"] = sum(rows.values(), Counter())
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("")
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for scenario, counts in rows.items():
            cells = [Text(str(counts[name] or ""), style=COLOURS.get(name, "")) for name in COLUMNS]
            table.add_row(Text(scenario, style="bold"), *cells)
        return Group(table, Text(), super()._display())


def print_plan(cells: Sequence["Cell"]) -> None:
    """What there is to do, a line an entry: its runs by their state, and why one is refused."""
    entries: dict[str, list[Cell]] = {}
    for cell in cells:
        name = cell.request.name.rpartition(" seed ")[0]
        entries.setdefault(f"{cell.request.spec.group} {name}", []).append(cell)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("scenario", "entry", "runs"):
        table.add_column(heading, overflow="fold")
    for own in entries.values():
        spec, name = own[0].request.spec, own[0].request.name
        states = Counter(cell.state for cell in own)
        told = ", ".join(f"{count} {state}" for state, count in states.items())
        if own[0].refused:
            told += f": {own[0].refused}"
        entry = name.removeprefix(f"{spec.scenario} ").rpartition(" seed ")[0]
        table.add_row(Text(spec.scenario), Text(entry), Text(told))
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=200)).print(table)
    totals = Counter(cell.state for cell in cells)
    told = ", ".join(f"{count} {state}" for state, count in totals.items())
    console.print(f"{len(cells)} runs: {told}", highlight=False)
