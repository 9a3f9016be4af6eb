"""The page of measured times is made of measured times, and is the one that is committed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benches import page, pictures
from benches.report import Report, Table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def report() -> Report:
    columns = {"who": "", "time": "s", "ratio": "×", "examples": "n"}
    rows = [["plain loop", 1.234, 1.0, 60000], ["another", None, 2.345, 60000]]
    table = Table("step", "A step", "What it is.", columns, rows, seconds=12.0, load=1.5)
    return Report({"cores": 3, "torch": "9.9"}, {"step": table})


def committed() -> Report:
    return Report.read(page.JSON)


def test_the_committed_page_is_what_its_numbers_say() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(committed()), "run python -m benches --write"


def test_the_committed_pictures_are_there_and_no_others() -> None:
    shown = set(re.findall(r"\(performance/(.+\.svg)\)", page.PAGE.read_text(encoding="utf-8")))
    assert shown == {f"{name}.svg" for name in pictures.CHARTS}
    assert shown == {path.name for path in page.PICTURES.iterdir()}


@pytest.mark.parametrize("name", pictures.CHARTS)
def test_a_picture_shows_the_numbers_of_its_table(name: str) -> None:
    table = committed().tables[name]
    chart = pictures.CHARTS[name](table).to_dict()
    drawn = {point["y"] for point in chart["data"]["values"]}
    assert len(chart["data"]["values"]) == 2 * len(table.rows)
    assert drawn <= {cell for row in table.rows for cell in row}
    assert pictures.draw(table).startswith("<svg")


def test_nothing_on_the_page_tells_when_or_where_it_was_made() -> None:
    text = page.PAGE.read_text(encoding="utf-8") + page.JSON.read_text(encoding="utf-8")
    assert not re.search(r"/(work|tmp|home|root|usr)/|\b20\d\d-\d\d|:\d\d:", text)


def test_a_report_survives_its_file(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "some" / "bench.json")
    assert Report.read(tmp_path / "some" / "bench.json") == report


def test_cells_are_written_by_their_unit(report: Report) -> None:
    text = page.page(report)
    assert "| who | time, s | ratio | examples |\n| --- | --: | --: | --: |\n" in text
    assert "| plain loop | 1.23 | 1.00 | 60,000 |\n| another | – | 2.35 | 60,000 |\n" in text
    assert "3 cores, with torch 9.9" in text
    assert text.endswith("12 s to measure; 1.5 processes wanted a core meanwhile, these among them.\n")


def test_the_page_is_written_from_what_was_kept(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, place in (("JSON", "performance.json"), ("PAGE", "performance.md"), ("PICTURES", "performance")):
        monkeypatch.setattr(page, name, tmp_path / place)
    page.write(report)
    assert json.loads((tmp_path / "performance.json").read_text(encoding="utf-8"))["machine"]["cores"] == 3
    assert (tmp_path / "performance.md").read_text(encoding="utf-8") == page.page(report)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--write"], "there is no build/bench.json yet"),
        (["stop"], "stop: the tables are step, replicas, together, run"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benches", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
