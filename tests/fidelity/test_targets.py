"""The file of targets: what it says, and what is said of a bad one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fidelity import targets as module
from fidelity.records import RECORDS
from fidelity.targets import Reference, read_targets
from scenarios.errors import RequestError

Targets = Callable[..., Path]

ROW = '{ kind = "class", strategy = "naive", reference = [19.9, 0.1] }'


def refusal(path: Path) -> str:
    with pytest.raises(RequestError) as refused:
        [row.specs() for row in read_targets(path)]
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def test_a_row_has_what_its_protocol_says_and_what_it_says_itself(targets: Targets) -> None:
    rows = read_targets(
        targets(
            ROW, '{ kind = "task", name = "EWC", strategy = "ewc", reference = [97], set.strength = 5, run.lr = 0.2 }'
        )
    )
    assert [row.label for row in rows] == ["tiny/class/naive", "tiny/task/EWC"]
    assert [row.slug for row in rows] == ["tiny-class-naive", "tiny-task-ewc"]
    first, second = (row.specs() for row in rows)
    assert [spec.seeds.init for spec in first] == [0, 1]
    assert first[0].scenario == "split-digits:class"
    assert (first[0].network, first[0].iterations, first[0].lr, first[0].batch_size) == ("mlp:16", 3, 0.1, 10)
    assert (second[0].lr, second[0].hyperparameters["strength"], second[0].threads) == (0.2, 5.0, 1)
    assert first[0].seeds.classes is None


def test_a_spread_is_a_deviation_or_the_standard_error_of_so_many_runs(targets: Targets) -> None:
    assert read_targets(targets(ROW))[0].reference == Reference(19.9, 0.1, None)
    of_sem = '{ kind = "class", strategy = "naive", reference = [85.0, 1.5], n = 16 }'
    row = read_targets(targets(of_sem, seeds='seeds = 2\nspread = "sem"'))[0]
    assert row.reference == Reference(85.0, 6.0, 16)
    assert row.margin == 12.0
    assert "n, the number of runs" in refusal(targets(ROW, seeds='seeds = 2\nspread = "sem"'))


def test_what_was_measured_is_taken_from_its_file(targets: Targets, tmp_path: Path) -> None:
    runs = [{"seed": 0, "accuracy": [[0.9, 0.1], [0.5, 0.7]]}, {"seed": 1, "accuracy": [[0.9, 0.1], [0.6, 0.8]]}]
    (tmp_path / "peer.json").write_text(json.dumps({"entries": {"class/naive": {"runs": runs}}}))
    asked = '{ kind = "class", strategy = "naive", reference = "class/naive" }'
    reference = read_targets(targets(asked, seeds='seeds = 2\nmeasured = "peer.json"'))[0].reference
    # 60 and 70 %: mean 65, deviation √50
    assert (reference.mean, reference.sd, reference.n) == (pytest.approx(65.0), pytest.approx(50**0.5), 2)
    assert "'class/naive' was not measured: nothing was" in refusal(targets(asked))
    (tmp_path / "peer.json").write_text("{}")
    assert "is not what a script of fidelity.peers writes" in refusal(
        targets(asked, seeds='seeds = 2\nmeasured = "peer.json"')
    )


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (
            '{ kind = "kind", strategy = "naive", reference = [1] }',
            "tiny, row 1: there is no kind 'kind', only task, class",
        ),
        ('{ kind = "class", strategy = "naive" }', "tiny, row 1: reference: field required"),
        ('{ kind = "class", strategy = "naive", reference = [] }', "tiny, row 1: reference"),
        ('{ kind = "class", strategy = "naive", reference = [1], sets = {} }', "tiny, row 1: sets: extra inputs"),
        ('{ kind = "class", strategy = "naive", reference = [1], margin = -1 }', "margin=-1"),
        ('{ kind = "class", strategy = "naive", reference = [1], measure = "speed" }', "measure='speed' is no metric"),
        ('{ kind = "class", strategy = "naive", reference = [1], run.lr = 0 }', "tiny/class/naive: lr=0"),
        (
            '{ kind = "class", strategy = "ewc", reference = [1], set.strength = "much" }',
            "tiny/class/ewc: ewc: strength",
        ),
        (f"{ROW},\n {ROW}", "two rows are called tiny/class/naive"),
        ("{ kind = ", "is not TOML"),
    ],
)
def test_a_bad_file_is_answered_in_one_line(targets: Targets, row: str, complaint: str) -> None:
    assert complaint in refusal(targets(row))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"title": ""}, "protocol 1: title: field required"),
        ({"origin": 'origin = "hearsay"'}, "protocol 1: origin='hearsay' is not possible"),
        ({"scenarios": 'scenarios = { class = "split-digitz" }'}, "there is no scenario 'split-digitz'"),
        ({"seeds": "seeds = 0"}, "protocol 1: seeds"),
        ({"name": "name = 5"}, "protocol 1: name"),
    ],
)
def test_a_bad_protocol_is_answered_in_one_line(targets: Targets, changes: dict[str, str], complaint: str) -> None:
    assert complaint in refusal(targets(ROW, **changes))


def test_a_file_that_is_not_there_is_answered_in_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.toml")


def test_what_a_row_asks_for_and_is_not_there_is_said_and_no_error(targets: Targets) -> None:
    strategy, option, neither = read_targets(
        targets(
            '{ kind = "class", strategy = "of tomorrow", reference = [1] }',
            '{ kind = "class", strategy = "ewc", reference = [1], set.sharpness = 1 }',
            ROW,
        )
    )
    assert strategy.lacking == "strategy not there yet"
    assert option.lacking == "option sharpness not there yet"
    assert neither.lacking == ""


def test_every_row_of_ours_can_be_run_or_says_what_is_not_there_yet() -> None:
    rows = read_targets()
    assert len(rows) >= 25
    for row in rows:
        assert row.source in {"fashion", "mnist"}
        assert row.lacking or row.impossible or row.specs()
        assert row.protocol.source
        assert 0 < row.reference.mean <= 100


def test_every_kept_record_is_of_a_row() -> None:
    assert {path.stem for path in RECORDS.glob("*")} <= {row.slug for row in read_targets(module.TARGETS)}
