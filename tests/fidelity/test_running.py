"""One small row, from the file of targets to its verdict."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fidelity import __main__ as command
from fidelity import running
from fidelity.records import Book
from fidelity.running import make, work
from fidelity.targets import Row, read_targets

Targets = Callable[..., Path]
Captured = pytest.CaptureFixture[str]

ROW = '{ kind = "class", strategy = "naive", reference = [REFERENCE] }'


def call(targets: Path, tmp_path: Path, *further: str) -> int:
    places = ["--targets", targets, "--records", tmp_path / "records", "--out", tmp_path / "out"]
    return command.main([*map(str, places), *further])


def test_a_row_runs_once_and_its_verdict_is_that_of_its_runs(
    targets: Targets, tmp_path: Path, capsys: Captured
) -> None:
    path = targets(ROW.replace("REFERENCE", "50"))
    assert call(path, tmp_path, "--jobs", "1") == 1  # out, and nobody says what was tried
    told = capsys.readouterr()
    assert "1 rows: 1 out" in told.out
    assert "tiny/class/naive" in told.err
    document = json.loads((tmp_path / "records" / "tiny-class-naive.json").read_text())
    finals = [100 * sum(run["accuracy"][-1]) / 5 for run in document["runs"]]
    assert len(finals) == 2

    row = read_targets(path)[0]
    assert not work([row], Book(tmp_path / "records")).missing
    # What was found, as the reference: the same runs hold now, and none is made again.
    written = (tmp_path / "records" / "tiny-class-naive.json").stat().st_mtime_ns
    again = targets(ROW.replace("REFERENCE", str(sum(finals) / 2)))
    assert call(again, tmp_path) == 0
    assert "1 rows: 1 within" in capsys.readouterr().out
    assert (tmp_path / "records" / "tiny-class-naive.json").stat().st_mtime_ns == written


def test_a_row_runs_again_where_its_specification_or_the_source_has_changed(
    targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path / "records")
    row = read_targets(targets(ROW.replace("REFERENCE", "50"), seeds="seeds = [3]"))[0]
    make(work([row], book), book, jobs=1, out=tmp_path / "out", quiet=True)
    assert not work([row], book).missing
    other = read_targets(targets(ROW.replace("[REFERENCE]", "[50], run.lr = 0.2"), seeds="seeds = [3]"))[0]
    assert [spec.lr for spec in work([other], book).missing] == [0.2]
    monkeypatch.setattr(running, "source_digest", lambda strategy: "another")
    assert [spec.lr for spec in work([row], book).missing] == [0.1]


def test_rows_that_share_their_runs_have_them_made_once(targets: Targets, tmp_path: Path) -> None:
    rows = read_targets(
        targets(
            ROW.replace("REFERENCE", "50"),
            '{ kind = "class", name = "same", strategy = "naive", reference = [60], measure = "learning_accuracy" }',
            seeds="seeds = 1",
        )
    )
    book = Book(tmp_path / "records")
    found = work(rows, book)
    assert len(found.missing) == 1
    assert not make(found, book, jobs=1, out=tmp_path / "out", quiet=True)
    assert [len(book.runs(row)) for row in rows] == [1, 1]


def test_what_hinders_a_row_is_said(row: Row, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    assert running.hindrance(row) is None
    for changes, reason in (
        ({"scenario": "split-mnist:class"}, "no data here"),
        ({"strategy": "of tomorrow"}, "strategy not there yet"),
        ({"impossible": "so it is"}, "not expressible"),
    ):
        assert running.hindrance(Row(**{**vars(row), **changes})) == reason


@pytest.mark.parametrize(
    ("rows", "arguments", "complaint"),
    [
        ('{ kind = "class" }', [], "tiny, row 1: strategy: field required"),
        (ROW.replace("REFERENCE", "50"), ["nothing-like-it"], "no row is called nothing-like-it"),
    ],
)
def test_a_bad_request_is_one_line_and_exit_code_two(
    targets: Targets,
    tmp_path: Path,
    capsys: Captured,
    rows: str,
    arguments: list[str],
    complaint: str,
) -> None:
    assert call(targets(rows), tmp_path, *arguments) == 2
    told = capsys.readouterr()
    assert complaint in told.err
    assert len(told.err.splitlines()) == 1
    assert not told.out


def test_a_record_that_was_damaged_is_named(targets: Targets, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "tiny-class-naive.json").write_text('{"spec": {}, "runs": [{}]}')
    assert call(targets(ROW.replace("REFERENCE", "50")), tmp_path, "--list") == 2
    assert "tiny-class-naive.json is no record of a row" in capsys.readouterr().err
