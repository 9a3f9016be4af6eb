"""The page of fidelity is made of targets and records, and is the one that is committed."""

import re
from dataclasses import replace
from pathlib import Path

from fidelity import page
from fidelity.records import Book
from fidelity.standing import standing
from fidelity.targets import Row, read_targets


def test_the_committed_page_is_what_targets_and_records_say() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(read_targets(), Book()), "run python -m fidelity --write"


def test_every_row_that_does_not_hold_says_what_was_tried() -> None:
    book = Book()
    assert [row.label for row in read_targets() if standing(row, book).state == "out" and not row.tried] == []


def test_nothing_on_the_page_tells_when_or_where_it_was_made() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert not re.search(r"/(work|tmp|home|root|usr)/", text)


def test_a_page_has_a_line_for_every_row_and_counts_them(row: Row, tmp_path: Path) -> None:
    never = replace(row, kind="task", impossible="the network has no biases")
    text = page.page([row, never], Book(tmp_path))
    assert "| class | none: `naive` | 90.00 ± 0.50 (3) | – | – | 2.00 | no record |\n" in text
    assert "| task | none: `naive` | 90.00 ± 0.50 (3) | – | – | 2.00 | not expressible |\n" in text
    assert "| all | 2 | 0 | 0 | 1 | 1 |\n" in text
    assert "- task, none: the network has no biases\n" in text
    assert "All rows: `network=mlp:16 iterations=3`." in text
