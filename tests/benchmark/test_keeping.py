"""What a run keeps of itself: checkpoints that do not grow, and answers that leave memory."""

from itertools import pairwise
from pathlib import Path

import pytest
from support import Alone, tiny_spec, trainer_for

from benchmark.checkpoint import FILE, Checkpoint, read_checkpoint
from benchmark.files import unfinished
from benchmark.journal import FILE as JOURNAL
from benchmark.keeping import Keeper, interrupted_runs
from benchmark.measuring import Measuring
from benchmark.outcome import StoredEvaluation
from benchmark.predictions import FILE as PREDICTIONS
from benchmark.record import read_record
from benchmark.request import RunRequest
from benchmark.run import load_scenario, run, run_team
from scenarios.errors import RequestError
from scenarios.task import Task


class Stop(Exception):
    """Ends a run in its middle, as a person would."""


def kept(folder: Path, until: int | None = None, **fields: object) -> Alone:
    """A run whose keeper writes into a folder, stopped after a task."""
    folder.mkdir(exist_ok=True)
    spec = tiny_spec("permuted-digits:domain,tasks=6", "naive", iterations=4, **fields)
    scenario = load_scenario(spec.scenario, None, None)
    trainer = trainer_for(spec, scenario)
    measuring = Measuring(spec, trainer.strategy, scenario)
    keeper = Keeper([RunRequest(spec, folder)], [scenario])

    def measure(task: Task) -> None:
        if task.index == until:
            raise Stop
        measuring.after(task)

    trainer.replica.measure, trainer.keep = measure, lambda checkpoint: keeper.keep([measuring], checkpoint)
    if until is None:
        trainer.run()
    else:
        with pytest.raises(Stop):
            trainer.run()
    return trainer


def test_rows_that_were_written_are_read_from_disk_and_are_what_they_were(tmp_path: Path) -> None:
    trainer, alone = kept(tmp_path), trainer_for(tiny_spec("permuted-digits:domain,tasks=6", "naive", iterations=4))
    alone.run()
    for mine, other in zip(trainer.outcome.rows, alone.outcome.rows, strict=True):
        assert isinstance(mine, StoredEvaluation), "the answers are no longer in memory"
        assert (mine.tasks, mine.accuracy) == (other.tasks, other.accuracy)
        assert mine.predicted.tobytes() == other.predicted.tobytes()
        assert mine.confidence.tobytes() == other.confidence.tobytes()


def test_a_checkpoint_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, lengths = [], []
    write = Checkpoint.write

    def watched(self: Checkpoint, folder: Path) -> None:
        write(self, folder)
        sizes.append((folder / FILE).stat().st_size)
        lengths.append((folder / JOURNAL).stat().st_size)

    monkeypatch.setattr(Checkpoint, "write", watched)
    kept(tmp_path, properties=("calibration",), evaluate_every=2)
    assert len(sizes) == 6
    assert max(sizes) - min(sizes) < 64, "but for the digits of a few numbers"
    steps = [after - before for before, after in pairwise(lengths)]
    assert max(steps) < 1.2 * min(steps), "each row is written once"


def test_an_interrupted_run_comes_back_with_all_that_was_measured(tmp_path: Path) -> None:
    fields = {"properties": ("calibration",), "evaluate_every": 2, "evaluate": "sample=1"}
    kept(tmp_path / "broken", until=4, **fields)
    (request,) = interrupted_runs(tmp_path / "broken")
    checkpoint = Keeper([request], [load_scenario(request.spec.scenario, None, None)]).resumed()
    (outcome,) = checkpoint.outcomes
    assert len(outcome.rows) == len(checkpoint.facts["cells"][0]) == 5
    assert len(outcome.anytime) == 2 * 4
    assert len(outcome.costs) == 4
    resumed, whole = run(request), run(RunRequest(request.spec, tmp_path / "whole"))
    assert resumed.accuracy == whole.accuracy
    assert resumed.anytime == whole.anytime
    assert resumed.properties == whole.properties
    assert (tmp_path / "broken" / PREDICTIONS).read_bytes() == (tmp_path / "whole" / PREDICTIONS).read_bytes()
    assert {path.name for path in (tmp_path / "broken").iterdir()} == {"record.json", PREDICTIONS}


def test_a_damaged_journal_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    kept(tmp_path, until=4)
    checkpoint, whole = (tmp_path / FILE).read_bytes(), (tmp_path / JOURNAL).read_bytes()
    for content, says in (
        (whole[:-1], "cut short"),
        (b"?" + whole[1:], "a checksum differs"),
        (None, "No such file or directory"),
    ):
        (tmp_path / JOURNAL).unlink() if content is None else (tmp_path / JOURNAL).write_bytes(content)
        with pytest.raises(RequestError, match=f"{says}; run again from the start") as caught:
            interrupted_runs(tmp_path)
        assert "\n" not in str(caught.value)
        assert (tmp_path / FILE).read_bytes() == checkpoint
    (tmp_path / JOURNAL).write_bytes(whole + b"what a killed process wrote after its last checkpoint")
    assert run(*interrupted_runs(tmp_path)).status == "completed"


def test_a_run_made_anew_never_leaves_an_old_checkpoint_with_its_own_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between its first journal entry and its first checkpoint, it has none; before, the old one holds."""
    kept(tmp_path, until=3)
    old = (tmp_path / FILE).read_bytes()
    kept(tmp_path, until=0)
    assert (tmp_path / FILE).read_bytes() == old
    interrupted_runs(tmp_path)

    def stop(self: Checkpoint, folder: Path) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", stop)
        kept(tmp_path, until=3)
    with pytest.raises(RequestError, match="nothing to resume"):
        interrupted_runs(tmp_path)


def test_a_diverged_run_leaves_neither_checkpoint_nor_journal(tmp_path: Path) -> None:
    spec = tiny_spec("split-digits:domain", "ewc", strength=1e9, lr=0.5, iterations=30)
    assert run(RunRequest(spec, tmp_path)).status == "diverged"
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", PREDICTIONS}


@pytest.mark.parametrize("together", [1, 2])
@pytest.mark.parametrize("last", [unfinished(Path(FILE)).name, JOURNAL, FILE])
def test_a_run_killed_while_its_checkpoint_is_taken_away_is_resumed_until_nothing_is_left(
    together: int, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    folders = [home] if together == 1 else [tmp_path / str(seed) for seed in range(together)]
    requests = [
        RunRequest(tiny_spec("split-digits:task", "naive", seed, iterations=4), folder, team=home)
        for seed, folder in enumerate(folders)
    ]
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path == home / last and all((folder / "record.json").exists() for folder in folders):
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(Stop):
            run_team(requests, [()] * together)
    written = [(folder / "record.json").read_bytes() for folder in folders]
    if last != FILE:
        records = run_team(interrupted_runs(home), [()] * together)
        assert [record.accuracy for record in records] == [read_record(folder).accuracy for folder in folders]
    if last == JOURNAL:
        assert [(folder / "record.json").read_bytes() for folder in folders] == written, "they are not made again"
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {"record.json", PREDICTIONS}
    assert together == 1 or not list(tmp_path.rglob("home/*"))


def test_a_failed_run_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_spec("split-digits:task", "naive")

    def fail(self: object, task: Task) -> None:
        if task.index == 2:
            raise ZeroDivisionError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr("strategies.naive.Naive.start_task", fail)
        assert run(RunRequest(spec, tmp_path)).status == "failed"
    assert read_checkpoint(tmp_path).facts["position"]["task"] == 2
    assert run(*interrupted_runs(tmp_path)).accuracy == run(RunRequest(spec, tmp_path / "whole")).accuracy
