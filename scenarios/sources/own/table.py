"""A table with a label column: CSV or Parquet."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scenarios.errors import RequestError
from scenarios.sources.own.parts import classes_of, drawn
from scenarios.sources.source import Source

LABELS = ("label", "class", "target", "y")
"""What a label column is called where nobody says."""


def read_table(path: Path, test: float, label: str | None) -> Source:
    """Columns of numbers, each standardised by mean and deviation of its training rows, and a label column.

    A column of text is refused rather than taken apart into one of zeros and ones a word: a slip in one cell
    would make text of a column of numbers, and nobody would notice.

    Raises:
        RequestError: where a cell is missing or no number, or there is no label column.
    """
    columns, cells, labels = (_csv if path.suffix.lower() == ".csv" else _parquet)(path, label)
    if not columns:
        raise RequestError(f"{path} has a label column alone: it should have columns of numbers as well")
    if not len(cells):
        raise RequestError(f"{path} has no rows under its header")
    classes, y = classes_of(f"{path}", labels)
    x = torch.from_numpy(cells)
    training, testing = drawn(str(path), classes, y, test)
    mean, deviation = x[training].mean(0), x[training].std(0, correction=0)
    x = ((x - mean) / torch.where(deviation > 0, deviation, 1.0)).float()
    return Source(str(path), classes, x[training], y[training], x[testing], y[testing])


def _csv(path: Path, label: str | None) -> tuple[list[str], NDArray[np.float64], NDArray[Any]]:
    cells: list[list[float]] = []
    labels: list[str] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = [name.strip() for name in next(lines, [])]
            place = _label_column(path, header, label)
            for row in (row for row in lines if row):
                where = f"{path}, line {lines.line_num}"
                if len(row) != len(header):
                    raise RequestError(f"{where} has {len(row)} cells: it should have {len(header)}, as the header")
                labels.append(row.pop(place).strip())
                if not labels[-1]:
                    raise RequestError(f"{where} has no {header[place]}: every row needs a label")
                cells.append(
                    [_number(where, name, cell) for name, cell in zip(_others(header, place), row, strict=True)]
                )
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path} is no CSV in UTF-8: {' '.join(str(error).split())}") from None
    whole = all(text.isascii() and text.removeprefix("-").isdigit() and len(text) < 18 for text in labels)
    return _others(header, place), np.array(cells), np.array([int(text) for text in labels] if whole else labels)


def _number(where: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        told = f"holds {cell.strip()!r}" if cell.strip() else "is empty"
        raise RequestError(f"{where}: {name} {told}: every cell but the label should be a finite number")
    return value


def _parquet(path: Path, label: str | None) -> tuple[list[str], NDArray[np.float64], NDArray[Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RequestError(f"{path}: Parquet is read by pyarrow: pip install 'forgetless[parquet]'") from None
    try:
        table = pyarrow.parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise RequestError(f"{path} is no Parquet file, or a damaged one: {' '.join(str(error).split())}") from None
    header = list(table.column_names)
    place = _label_column(path, header, label)
    labels = table.column(place)
    if labels.null_count:
        row = labels.is_null().to_pylist().index(True)
        raise RequestError(f"{path}, row {row} has no {header[place]}: every row needs a label")
    types = pyarrow.types
    if not (types.is_integer(labels.type) or types.is_boolean(labels.type) or types.is_string(labels.type)):
        raise RequestError(f"{path}: {header[place]} is {labels.type}: labels should be whole numbers or text")
    columns = []
    for name in _others(header, place):
        column = table.column(name)
        if not (types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type)):
            raise RequestError(f"{path}: {name} is {column.type}: every column but the label should hold numbers")
        values = np.array([math.nan if value is None else float(value) for value in column.to_pylist()])
        bad = np.nonzero(~np.isfinite(values))[0]
        if len(bad):
            raise RequestError(f"{path}, row {bad[0]}: {name} is missing or not finite: every cell should be a number")
        columns.append(values)
    cells = np.stack(columns, 1) if columns else np.empty((len(labels), 0))
    return _others(header, place), cells, np.array(labels.to_pylist())


def _label_column(path: Path, header: Sequence[str], label: str | None) -> int:
    """The place of the label column."""
    if not header:
        raise RequestError(f"{path} is empty: its first line should name the columns")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise RequestError(f"{path} has two columns called {twice!r}: its first line should name each once")
    names = [label] if label is not None else [each for each in header if each.lower() in LABELS]
    if len(names) > 1:
        raise RequestError(f"{path}: {' and '.join(names)} could each be the label: say which, as label={names[0]}")
    if not names or names[0] not in header:
        what = f"no column {label!r}" if label is not None else f"no column called {', '.join(LABELS)}"
        raise RequestError(f"{path} has {what}: say label=NAME (its columns: {', '.join(header)[:500]})")
    return header.index(names[0])


def _others(header: Sequence[str], place: int) -> list[str]:
    return [name for number, name in enumerate(header) if number != place]
