"""`forgetless tune`: what it may see, what it finds, and what is done with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TINY = ("--iterations", "8", "--network", "mlp:24x16")


def tuned(forgetless: Callable[..., Any], tmp_path: Path, *more: str, strategy: str = "ewc") -> dict[str, Any]:
    found = forgetless(
        "tune", "split-digits:domain", strategy, "--trials", "3", *TINY, "--out", str(tmp_path), "--json", *more
    )
    assert found.code == 0, found.err
    return json.loads(found.out)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("record.json"))]


def test_trials_see_the_first_tasks_and_their_validation_examples_alone(
    forgetless: Callable[..., Any], tmp_path: Path
) -> None:
    found = tuned(forgetless, tmp_path)
    tried = records(tmp_path / "trials")
    assert len(tried) == len(found["trials"]) == 3
    for record in tried:
        assert len(record["tasks"]) == 2
        assert all(task["test"] == task["validation"] > 0 for task in record["tasks"])
    scores = {record["metrics"]["average_accuracy"] for record in tried}
    assert found["tuning"]["score"] == max(scores)
    assert {trial["score"] for trial in found["trials"]} == scores
    best = max(found["trials"], key=lambda trial: trial["score"])
    assert found["tuning"]["chosen"] == best["values"]
    assert found["trials"][0]["values"] == {**best["values"], "strength": 100.0, "fisher": "true", "lr": 0.05} | {
        name: value for name, value in found["trials"][0]["values"].items() if name in ("decay", "anchors")
    }


def test_the_same_request_makes_the_same_trials_and_none_twice(forgetless: Callable[..., Any], tmp_path: Path) -> None:
    first = tuned(forgetless, tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").rglob("record.json")}
    second = tuned(forgetless, tmp_path)
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").rglob("record.json")} == stamps


def test_open_and_transfer_look_where_they_say(forgetless: Callable[..., Any], tmp_path: Path) -> None:
    found = tuned(forgetless, tmp_path / "open", "--rule", "open")
    assert found["tuning"]["tasks"] == 5
    found = tuned(forgetless, tmp_path / "transfer", "--rule", "transfer", "--on", "permuted-digits:domain,tasks=3")
    assert found["tuning"]["scenario"] == "permuted-digits:domain,tasks=3"
    assert found["scenario"] == "split-digits:domain"
    assert {record["spec"]["scenario"] for record in records(tmp_path / "transfer")} == {found["tuning"]["scenario"]}


def test_a_tuned_run_has_what_was_chosen_in_its_record_and_on_the_board(
    forgetless: Callable[..., Any], tmp_path: Path
) -> None:
    found = tuned(forgetless, tmp_path)
    board = str(tmp_path / "board.db")
    run = forgetless(
        *("run", "split-digits:domain", "ewc", "naive", "--tuned", found["tuned"], *TINY),
        *("--out", str(tmp_path / "runs"), "--post", board),
    )
    assert run.code == 0, run.err
    by_name = {record["spec"]["strategy"]: record for record in records(tmp_path / "runs")}
    spec = by_name["ewc"]["spec"]
    assert spec["tuning"] == found["tuning"]
    assert {**spec["hyperparameters"], "lr": spec["lr"]}.items() >= found["tuning"]["chosen"].items()
    assert by_name["naive"]["spec"]["tuning"] is None
    assert by_name["ewc"]["protocol"] != by_name["naive"]["protocol"]
    shown = forgetless("leaderboard", "show", "--board", board)
    assert "tuned: first-task, 3 trials" in shown.out
    assert "tuned in 3 trials (first-task: split-digits:domain, tasks 1 to 2)" in shown.out


def test_a_trial_is_no_result_to_post(forgetless: Callable[..., Any], tmp_path: Path) -> None:
    tuned(forgetless, tmp_path)
    trial = next((tmp_path / "trials").rglob("record.json"))
    refused = forgetless("leaderboard", "post", str(trial), "--board", str(tmp_path / "board.db"))
    assert refused.code == 2
    assert "is a trial of the tuner's" in refused.err
    assert not (tmp_path / "board.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rule", "transfer"], "--on SCENARIO says where"),
        (["--on", "split-digits:task"], "--on SCENARIO says where"),
        (["--rule", "transfer", "--on", "split-digits:domain"], "is the scenario itself"),
        (["--rule", "open", "--tasks", "2"], "--tasks goes with --rule first-task"),
        (["--tasks", "6"], "has 5 tasks"),
        (["--space", "strenght=1..2"], "is no hyper-parameter"),
        (["--space", "strength=2..1"], "write it as name=low..high"),
        (["--space", "strength=0..1 log"], "write it as name=low..high"),
        (["--space", "strength=x..1"], "'x' is no number"),
        (["--set", "strength=3", "--space", "strength=1..2"], "has a value already"),
        (["--set", "strength=3,4"], "give one value"),
        (["--trials", "0"], "trials"),
    ],
)
def test_what_cannot_be_tuned_is_said_in_one_line_before_anything_starts(
    arguments: list[str], message: str, forgetless: Callable[..., Any], tmp_path: Path
) -> None:
    found = forgetless(
        *("tune", "split-digits:domain", "ewc", "--trials", "2", *TINY, "--out", str(tmp_path / "out"), *arguments)
    )
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_validation_examples_there_is_nothing_to_tune_on(
    forgetless: Callable[..., Any], tmp_path: Path
) -> None:
    found = forgetless(
        "tune", "split-digits:domain,validation=0", "ewc", "--trials", "2", *TINY, "--out", str(tmp_path)
    )
    assert found.code == 2
    assert "give it a share, as validation=0.1" in found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ewc", "--iterations", "9"], "was tuned for iterations=8"),
        (["ewc", "--iterations", "8", "--set", "strength=3"], "it was tuned for ewc"),
        (["naive", "--iterations", "8"], "which is not run here"),
    ],
)
def test_what_was_tuned_holds_for_what_it_was_tuned_for(
    arguments: list[str], message: str, forgetless: Callable[..., Any], tmp_path: Path
) -> None:
    path = tuned(forgetless, tmp_path)["tuned"]
    found = forgetless(
        *("run", "split-digits:domain", *arguments, "--network", "mlp:24x16", "--tuned", path, "--out", str(tmp_path))
    )
    assert (found.code, found.out) == (2, "")
    assert message in found.err


def test_a_file_that_is_something_else_is_refused(forgetless: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for name, message in {"x.json": "is not what `forgetless tune` writes", "y": "cannot be read"}.items():
        asked = ("run", "split-digits:domain", "ewc", "--tuned", str(tmp_path / name), *TINY, "--out", str(tmp_path))
        found = forgetless(*asked)
        assert found.code == 2
        assert message in found.err
