"""The journal: what is marked comes back, what is not is written over, and damage is noticed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.journal import FILE, Damaged, Journal

ARRAYS = [np.arange(5, dtype=np.int16), np.linspace(0, 1, 5, dtype=np.float16)]


def filled(folder: Path, entries: int = 3) -> Journal:
    journal = Journal(folder)
    for number in range(entries):
        journal.add({"number": number}, ARRAYS[: number % 3])
    return journal


def test_entries_come_back_in_order_with_their_arrays(tmp_path: Path) -> None:
    mark = filled(tmp_path).mark()
    found = list(Journal(tmp_path).recall(mark))
    assert [facts["number"] for facts, _ in found] == [0, 1, 2]
    place = found[2][1]
    assert np.fromfile(tmp_path / FILE, np.int16, 5, offset=place).tolist() == ARRAYS[0].tolist()
    assert np.fromfile(tmp_path / FILE, np.float16, 5, offset=place + 10).tolist() == ARRAYS[1].tolist()


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert list(Journal(tmp_path).recall(journal.mark())) == []
    assert list(tmp_path.iterdir()) == []


@given(st.integers(0, 4), st.integers(0, 60), st.integers(1, 3))
def test_what_follows_the_mark_is_written_over(
    tmp_path_factory: pytest.TempPathFactory, marked: int, torn: int, more: int
) -> None:
    """As where a process was killed after a checkpoint, in the middle of writing the next entry."""
    folder = tmp_path_factory.mktemp("journal")
    mark = filled(folder, marked).mark()
    with (folder / FILE).open("ab") as file:
        file.write(b"{" * torn)
    resumed = Journal(folder)
    assert len(list(resumed.recall(mark))) == marked
    for number in range(marked, marked + more):
        resumed.add({"number": number}, ARRAYS[: number % 3])
    (folder / "whole").mkdir()
    whole = filled(folder / "whole", marked + more)
    assert (folder / FILE).read_bytes() == (folder / "whole" / FILE).read_bytes()
    assert resumed.mark() == whole.mark()


def test_a_write_that_fails_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(tmp_path)
    mark = journal.mark()

    def full_disk(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            journal.add({"number": 3}, ARRAYS)
    assert journal.mark() == mark
    journal.add({"number": 3}, [])
    assert [facts["number"] for facts, _ in Journal(tmp_path).recall(journal.mark())] == [0, 1, 2, 3]


def test_damage_is_noticed(tmp_path: Path) -> None:
    mark = filled(tmp_path).mark()
    path = tmp_path / FILE
    whole = path.read_bytes()
    for content, says in (
        (whole[:-1], "it is cut short"),
        (b"", "it is cut short"),
        (whole[:-1] + b"?", "a checksum differs"),
    ):
        path.write_bytes(content)
        with pytest.raises(Damaged, match=says):
            list(Journal(tmp_path).recall(mark))
    path.unlink()
    with pytest.raises(Damaged, match="No such file"):
        list(Journal(tmp_path).recall(mark))
