"""Predictions on disk: only what was tested, readable by anybody, whole or absent."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from benchmark.evaluation import Evaluation
from benchmark.outcome import Outcome, StoredEvaluation
from benchmark.predictions import FILE, UNTESTED, read_predictions, write_predictions
from scenarios.errors import RequestError

SIZES = (3, 1, 4)
LABELS = [np.full(size, task) for task, size in enumerate(SIZES)]


def random_row(tasks: list[int], kind: type[np.signedinteger]) -> Evaluation:
    """Answers drawn at random to the examples of some tasks."""
    random = np.random.default_rng(sum(tasks))
    size = sum(SIZES[task] for task in tasks)
    accuracy: list[float | None] = [None] * len(SIZES)
    confidence = random.random(size).astype(np.float16)
    return Evaluation(tuple(tasks), accuracy, random.integers(-1, 9, size).astype(kind), confidence)


@given(st.lists(st.sets(st.sampled_from(range(3))).map(sorted), min_size=1), st.sampled_from([np.int16, np.int32]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, tested: list[list[int]], kind: type[np.signedinteger]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    rows = [random_row(tasks, kind) for tasks in tested]
    write_predictions(folder, LABELS, Outcome(rows=list(rows)))
    found = read_predictions(folder)
    assert found.label.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    assert found.task.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    assert len(found.rows) == len(rows)
    for answers, given_row in zip(found.rows, rows, strict=True):
        mine = np.isin(found.task, given_row.tasks)
        assert answers.predicted[mine].tobytes() == given_row.predicted.tobytes()
        assert answers.confidence[mine].tobytes() == given_row.confidence.tobytes()
        assert (answers.predicted[~mine] == UNTESTED).all()
        assert (answers.confidence[~mine] == 0).all()
    # Any reader of safetensors reads it, torch's too, which asks for every number at a multiple of its size.
    tensors = load_file(folder / FILE)
    assert [tensors[f"tasks/{index}"].tolist() for index in range(len(rows))] == tested
    size = sum(tensor.nbytes for tensor in tensors.values())
    assert size == 8 * (4 + kind().nbytes) + sum(
        4 * len(r.tasks) + r.predicted.nbytes + 2 * len(r.predicted) for r in rows
    )


def test_the_last_row_is_found_from_the_end_and_rows_can_be_sliced(tmp_path: Path) -> None:
    rows = [random_row(tasks, np.int16) for tasks in ([], [0], [0, 1, 2])]
    write_predictions(tmp_path, LABELS, Outcome(rows=list(rows)))
    found = read_predictions(tmp_path).rows
    assert found[-1].predicted.tobytes() == rows[-1].predicted.tobytes()
    assert [answers.predicted.tolist() for answers in found[1:]] == [answers.predicted.tolist() for answers in found][
        1:
    ]
    with pytest.raises(IndexError):
        found[3]


def test_what_is_damaged_or_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        read_predictions(tmp_path)
    write_predictions(tmp_path, LABELS, Outcome(rows=[random_row([0, 2], np.int16)]))
    whole = (tmp_path / FILE).read_bytes()
    for content in (b"", whole[:40], whole[:-1], whole.replace(b'"label"', b'"lable"')):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(RequestError, match="cannot be read") as caught:
            read_predictions(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / FILE).write_bytes(whole.replace(b"predicted/0", b"predicted/9"))
    with pytest.raises(RequestError, match="has no valid row 0"):
        read_predictions(tmp_path).rows[0]


def test_a_row_that_cannot_be_read_back_leaves_no_file(tmp_path: Path) -> None:
    rows = [random_row([0], np.int16), StoredEvaluation((1,), [None, 0.0, None], 1, "int16", tmp_path / "gone", 0)]
    with pytest.raises(OSError, match="No such file"):
        write_predictions(tmp_path, LABELS, Outcome(rows=rows))
    assert list(tmp_path.iterdir()) == []
