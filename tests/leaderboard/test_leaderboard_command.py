"""`forgetless leaderboard`, as typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from leaderboard_records import flat, measured, run
from typer.testing import CliRunner, Result

from forgetless.leaderboard import app
from scenarios.errors import RequestError


def invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, RequestError):
        raise result.exception
    return result


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs: two seeds each of three strategies."""
    sharpness = measured([None, None], [0.5, None], [0.25, 12.0], better="lower", unit="nats")
    for strategy, final in [("naive", 0.6), ("ewc", 0.725), ("joint", 0.9)]:
        for seed in range(2):
            rows = flat(final + seed / 20) if strategy != "ewc" else [[0.5, 0.5], [0.8, 0.5], [0.7, 0.75]]
            folder = tmp_path / "runs" / f"{strategy}-{seed}"
            run(strategy, seed, rows, properties={"sharpness": sharpness}).write(folder / "record.json")
    return tmp_path / "runs"


def test_post_and_show(runs: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.db"
    posted = invoke("post", runs / "naive-0" / "record.json", runs / "naive-1", "--board", board)
    assert posted.stdout == f"2 records posted to {board}\n"
    posted = invoke("post", runs, runs, "--board", board)
    assert posted.stdout == f"4 records posted to {board}, 2 were there already\n"

    shown = invoke("show", "--board", board).stdout
    title, _, *_, units, first, second, third, _ = [line.rstrip() for line in shown.splitlines()]
    assert title.startswith("split-digits:task · 3 epochs · batches of 10 · chance 50.0 % · protocol ")
    assert units.split() == ["#", "strategy", "%", "%", "%", "%", "n", "diverged"]
    rows = [first, second, third]
    assert [row.split()[1] for row in rows] == ["joint", "ewc", "naive"]
    assert "92.5 [60.7, 124.3]" in rows[0]
    assert "72.5 [72.5, 72.5]" in rows[1]
    assert "33.3" in rows[1]
    assert "[" not in rows[1].replace("[72.5, 72.5]", "")


def test_default_board_is_in_the_current_folder(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("post", "runs").stdout == "6 records posted to leaderboard.db\n"
    assert (tmp_path / "leaderboard.db").is_file()
    assert invoke("show").exit_code == 0


def test_show_json_is_one_document(runs: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.db"
    invoke("post", runs, "--board", board)
    (table,) = json.loads(invoke("show", "--board", board, "--json", "--metric", "sharpness.final").stdout)["protocols"]
    assert [entry["rank"] for entry in table["entries"]] == [1, 1, 1]
    assert table["units"]["sharpness.final"] == "nats"
    joint = next(entry for entry in table["entries"] if entry["strategy"] == "joint")
    assert joint["metrics"]["average_accuracy"]["mean"] == pytest.approx(0.925)


def test_a_metric_in_another_unit(runs: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.db"
    invoke("post", runs, "--board", board)
    shown = invoke("show", "--board", board, "--metric", "sharpness.final").stdout
    assert "sharpness.final  " in shown
    assert "nats  " in shown
    assert "6.12 [6.12, 6.12]" in shown


def test_footnotes_say_what_the_figures_do_not(tmp_path: Path) -> None:
    board = tmp_path / "board.db"
    for number, record in enumerate(
        [
            run("ewc", 0, flat(0.5), hyperparameters={"strength": 1.0, "online": True}),
            run("ewc", 0, flat(0.9), hyperparameters={"strength": 1.0, "online": True}),
            run("ewc", 0, flat(0.4), hyperparameters={"strength": 2.0, "online": True}),
            run("wild\x1b[31m", 0, status="diverged"),
        ]
    ):
        record.write(tmp_path / str(number) / "record.json")
    invoke("post", *(tmp_path / str(number) for number in range(4)), "--board", board)
    shown = invoke("show", "--board", board).stdout
    assert "ewc strength=1.0: 2 posts of seed 0 disagree; the first counts" in shown
    assert "– gap closed of ewc strength=1.0, ewc strength=2.0: there is no entry of naive in this protocol" in shown
    assert (
        "– average accuracy, forgetting, learning accuracy, gap closed of wild\N{REPLACEMENT CHARACTER}[31m: "
        "every run diverged" in shown
    )
    assert "\x1b" not in shown


def test_an_empty_board(tmp_path: Path) -> None:
    from leaderboard.store import Store

    board = tmp_path / "board.db"
    Store(board).post([])
    assert invoke("show", "--board", board).stdout == f"there are no records on {board} yet\n"
    assert json.loads(invoke("show", "--board", board, "--json").stdout) == {"protocols": []}


def test_requests_that_are_wrong(runs: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.db"
    with pytest.raises(RequestError, match="there is no board at"):
        invoke("show", "--board", board)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match=r"there is no record.json in or below .*empty: name a record"):
        invoke("post", tmp_path / "empty", "--board", board)
    with pytest.raises(RequestError, match="nowhere cannot be read"):
        invoke("post", tmp_path / "nowhere", "--board", board)
    (tmp_path / "odd.json").write_text('{"schema": "something/1"}')
    with pytest.raises(RequestError, match="is no record: its schema is 'something/1'"):
        invoke("post", runs, tmp_path / "odd.json", "--board", board)
    run("ewc", status="failed").write(runs / "ewc-failed" / "record.json")
    with pytest.raises(RequestError, match=r"ewc-failed/record.json failed \(it failed\): only completed"):
        invoke("post", runs, "--board", board)
    assert not board.exists()
    invoke("post", runs / "joint-0", "--board", board)
    with pytest.raises(RequestError, match="there is no metric 'acuracy'"):
        invoke("show", "--board", board, "--metric", "acuracy")


def test_no_torch() -> None:
    code = (
        "import sys, leaderboard.store, leaderboard.board, forgetless.leaderboard, forgetless.tables;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
