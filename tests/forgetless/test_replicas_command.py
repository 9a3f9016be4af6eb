"""`--replicas` and `--compile`: as a person asks for them, and what becomes of their runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark.checkpoint import FILE
from benchmark.predictions import FILE as PREDICTIONS
from benchmark.record import RunRecord, read_record

SMALL = ("--network", "mlp:24x16", "--iterations", "12", "--quiet")


def records(folder: Path) -> dict[str, RunRecord]:
    """The records below a folder, by seed and hyper-parameters."""
    found = [read_record(path) for path in sorted(folder.rglob("record.json"))]
    return {f"{record.spec.seeds.init} {record.spec.hyperparameters}": record for record in found}


def test_seeds_and_values_of_an_entry_train_at_once_and_say_so(forgetless: Any, tmp_path: Path) -> None:
    done = forgetless(
        "run", "split-digits:task", "naive", "ewc", "--set", "strength=1,10", "--seeds", "2", "--replicas", *SMALL
    )
    assert done.code == 0, done.err
    found = records(tmp_path / "runs")
    assert len(found) == 2 + 4
    for record in found.values():
        team = record.environment.team
        assert len(team) == (2 if record.spec.strategy == "naive" else 4)
        assert any(one.seeds == record.spec.seeds for one in team)
        assert record.environment.step == "eager", "60 steps are not worth compiling"
        assert record.spec.replicas
    left = {path.name for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert left == {"record.json", PREDICTIONS}
    assert not list((tmp_path / "runs").rglob("team-*"))


def test_they_stand_on_the_board_as_the_entry_they_are(forgetless: Any) -> None:
    for arguments in (("--seeds", "0,1", "--replicas"), ("--seeds", "2,3")):
        done = forgetless("run", "split-digits:task", "naive", *arguments, *SMALL, "--post", "board.db")
        assert done.code == 0, done.err
    shown = json.loads(forgetless("leaderboard", "show", "--board", "board.db", "--json").out)
    (protocol,) = shown["protocols"]
    (entry,) = protocol["entries"]
    assert entry["metrics"]["average_accuracy"]["n"] == 4


def test_teams_run_in_processes_of_their_own_to_the_same_numbers(forgetless: Any, tmp_path: Path) -> None:
    for out, jobs in (("one", "1"), ("two", "2")):
        arguments = ("run", "split-digits:class", "naive", "rehearsal", "--seeds", "2", "--replicas", "--jobs", jobs)
        done = forgetless(*arguments, *SMALL, "--out", out)
        assert done.code == 0, done.err
    one, two = records(tmp_path / "one"), records(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[key].accuracy == two[key].accuracy for key in one)


def test_one_of_a_team_that_diverges_is_a_result(forgetless: Any, tmp_path: Path) -> None:
    arguments = ("run", "split-digits:domain", "ewc", "--set", "strength=1,1e9", "--lr", "0.1", "--replicas")
    done = forgetless(*arguments, *SMALL)
    assert done.code == 0, done.err
    status = {record.spec.hyperparameters["strength"]: record.status for record in records(tmp_path / "runs").values()}
    assert status == {1.0: "completed", 1e9: "diverged"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("split-digits:class", "naive", "--class-order", "seed", "--seeds", "1,2"), "tasks are of different sizes"),
        (("split-digits:class", "naive", "--compile", "maybe"), "maybe"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_starts(
    arguments: tuple[str, ...], says: str, forgetless: Any, tmp_path: Path
) -> None:
    done = forgetless("run", *arguments, "--replicas", *SMALL)
    assert done.code == 2
    assert done.err.strip().count("\n") == 0
    assert says in done.err
    assert not (tmp_path / "runs").exists()


def test_a_suite_of_teams_makes_what_is_left(forgetless: Any, tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_text(
        'scenarios = ["split-digits:task"]\nstrategies = ["naive", "hat"]\nseeds = 2\n'
        'iterations = 8\nnetwork = "mlp:24x16"\nreplicas = true\n'
    )
    assert forgetless("suite", "it.toml", "--quiet").code == 0
    (victim, *others) = sorted((tmp_path / "runs").rglob("record.json"))
    before = {path: path.stat().st_mtime_ns for path in others}
    victim.unlink()
    assert forgetless("suite", "it.toml", "--quiet").code == 0
    assert victim.exists()
    assert before == {path: path.stat().st_mtime_ns for path in others}


PLUGIN = '''
import os
from strategies.strategy import Strategy, register


@register("stops")
class Stops(Strategy):
    """It stops once."""

    def start_task(self, task):
        if task.index == 2 and not os.path.exists("stopped"):
            open("stopped", "w").close()
            os._exit(9)


@register("single")
class Single(Strategy):
    """It cannot be stacked."""

    alone = "it is made so"
'''


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forgetless", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_team_that_was_killed_resumes_to_the_records_it_would_have_had(tmp_path: Path) -> None:
    (tmp_path / "plug.py").write_text(PLUGIN)
    arguments = ("run", "split-digits:task", "stops", "--plugin", "plug.py", "--seeds", "3", "--replicas", *SMALL)
    assert command(tmp_path, *arguments, "--out", "broken").returncode == 9
    (checkpoint,) = (tmp_path / "broken").rglob(FILE)
    assert checkpoint.parent.name.startswith("team-")
    done = command(tmp_path, "resume", "broken", "--quiet")
    assert done.returncode == 0, done.stderr
    assert command(tmp_path, *arguments, "--out", "whole").returncode == 0
    broken, whole = (sorted((tmp_path / name).rglob(PREDICTIONS)) for name in ("broken", "whole"))
    assert len(broken) == len(whole) == 3
    assert [path.read_bytes() for path in broken] == [path.read_bytes() for path in whole]
    assert not list((tmp_path / "broken").rglob("team-*"))


def test_a_strategy_that_has_to_be_alone_says_why_and_is_run_so(tmp_path: Path) -> None:
    (tmp_path / "plug.py").write_text(PLUGIN)
    arguments = ("run", "split-digits:task", "single", "--plugin", "plug.py", "--seeds", "2", "--replicas")
    done = command(tmp_path, *arguments, *SMALL[:-1])
    assert done.returncode == 0, done.stderr
    assert "single is run one by one: it is made so" in done.stderr
    assert all(not record.environment.team for record in records(tmp_path / "runs").values())
