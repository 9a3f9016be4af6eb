"""What the benches found: tables of numbers, kept as JSON."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

Cell = str | float | int | None

FORMATS = {
    "": "{}",
    "×": "{:.2f}",
    "s": "{:.2f}",
    "ms": "{:.2f}",
    "µs": "{:.0f}",
    "MB": "{:.0f}",
    "%": "{:.1f}",
    "n": "{:,}",
}
"""How the cells of a column are written, by its unit. "×" is a ratio, "n" a number of things, "" a text."""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: what asks for it on the command line.
        title: its heading.
        text: what was measured and how to read it, in Markdown.
        columns: headings, each with its unit (see `FORMATS`).
        rows: the cells; None where there is nothing to say.
        seconds: how long it took to measure.
        load: processes that wanted a core meanwhile, the benches' own among them (the system's load average).
    """

    name: str
    title: str
    text: str
    columns: dict[str, str]
    rows: list[list[Cell]]
    seconds: float = 0.0
    load: float | None = None

    @property
    def headings(self) -> list[str]:
        return [name if unit in {"", "×", "n"} else f"{name}, {unit}" for name, unit in self.columns.items()]

    @property
    def lines(self) -> list[list[str]]:
        """The rows, as they are shown."""
        units = list(self.columns.values())
        return [[shown(cell, unit) for cell, unit in zip(row, units, strict=True)] for row in self.rows]

    def column(self, name: str) -> list[Cell]:
        place = list(self.columns).index(name)
        return [row[place] for row in self.rows]


def shown(cell: Cell, unit: str) -> str:
    return "–" if cell is None else FORMATS[unit].format(cell)


@dataclass
class Report:
    """All tables, and the machine they were measured on, named by what matters and by nothing more."""

    machine: dict[str, Any] = field(default_factory=lambda: {"cores": os.cpu_count(), "torch": torch.__version__})
    tables: dict[str, Table] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Report":
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(document["machine"], {name: Table(**table) for name, table in document["tables"].items()})
