"""Files are whole or absent."""

from pathlib import Path

import pytest

from benchmark.files import write_atomically


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_move(path: Path, target: Path) -> None:
        raise PermissionError

    write_atomically(tmp_path / "deep" / "file", b"old")
    monkeypatch.setattr(Path, "replace", no_move)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "deep" / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "deep").iterdir()] == [("file", b"old")]


def test_a_write_replaces_the_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"a long first content")
    write_atomically(tmp_path / "file", b"short")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"short")]
