"""A row, and files of targets, for tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fidelity.targets import Protocol, Reference, Row
from forgetless.plan import ClassOrder

PROTOCOL = """
[[protocol]]
name = "tiny"
title = "Digits"
source = "a paper"
text = "In words."
origin = "published"
seeds = 2
run = { network = "mlp:16", iterations = 3, lr = 0.1 }
scenarios = { task = "split-digits:task", class = "split-digits:class" }
rows = [
  ROWS
]
"""


@pytest.fixture
def targets(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of targets: rows as TOML, and what else is to be changed in its protocol."""

    def write(*rows: str, **changes: str) -> Path:
        text = PROTOCOL.replace("ROWS", ",\n  ".join(rows))
        for before, after in changes.items():
            text = "\n".join(after if line.startswith(f"{before} =") else line for line in text.split("\n"))
        path = tmp_path / "targets.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def row() -> Row:
    reference = Reference(90.0, 0.5, 3)
    protocol = Protocol("tiny", "Digits", "a paper", "In words.", "published")
    return Row(
        protocol,
        kind="class",
        name="none",
        strategy="naive",
        scenario="split-digits:class",
        settings={},
        options={"network": "mlp:16", "iterations": 3},
        seeds="2",
        class_order=ClassOrder.canonical,
        measure="average_accuracy",
        reference=reference,
        margin=reference.margin,
    )
