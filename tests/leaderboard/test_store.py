"""The store, on a file and on a real PostgreSQL server."""

import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest
from leaderboard_records import run

from leaderboard.store import Store
from scenarios.errors import RequestError


def test_what_was_posted_comes_back_in_order(board: str) -> None:
    records = [run(seed=2), run(seed=0), run("ewc", seed=1, hyperparameters={"strength": 10.0})]
    outcomes = Store(board).post(records)
    assert [outcome.new for outcome in outcomes] == [True, True, True]
    assert [(outcome.digest, outcome.entry) for outcome in outcomes] == [(it.digest, it.entry) for it in records]
    assert Store(board).records() == records


def test_posting_again_changes_nothing(board: str) -> None:
    store = Store(board)
    store.post([run(seed=0), run(seed=1)])
    again = store.post([run(seed=1), run(seed=2), run(seed=2)])
    assert [outcome.new for outcome in again] == [False, True, False]
    assert store.records() == [run(seed=0), run(seed=1), run(seed=2)]


def test_check_leaves_no_trace(board: str) -> None:
    store = Store(board)
    store.check()
    with pytest.raises(RequestError, match=r"there is no board at .*: post records to it first"):
        store.records()
    store.post([run()])
    store.check()
    assert store.records() == [run()]


def test_check_does_not_make_the_file(tmp_path: Path) -> None:
    Store(tmp_path / "board.db").check()
    assert not list(tmp_path.iterdir())


def test_failed_runs_are_refused_before_anything_is_written(board: str) -> None:
    store = Store(board)
    with pytest.raises(RequestError, match=r"^b/record.json failed \(it failed\): only completed or diverged"):
        store.post([run(), run(seed=1, status="failed")], ["a/record.json", "b/record.json"])
    with pytest.raises(RequestError, match="the run of naive on split-digits:task with seed 1 failed"):
        store.post([run(), run(seed=1, status="failed")])
    with pytest.raises(RequestError, match="there is no board"):
        store.records()


def test_diverged_runs_are_results(board: str) -> None:
    Store(board).post([run(status="diverged")])
    assert Store(board).records() == [run(status="diverged")]


def test_an_error_midway_leaves_the_board_as_it_was(board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(board)
    store.post([run(seed=0)])
    add = Store._add
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_add", lambda *them: add(*them) if them[2].spec.seeds.init < 2 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.post([run(seed=1), run(seed=2)])
    assert store.records() == [run(seed=0)]


def _post(board: str, seeds: list[int], start: "threading.Barrier") -> None:
    start.wait()
    Store(board).post([run(seed=seed) for seed in seeds])


def test_processes_that_post_the_same_at_once_give_one_row_each(board: str) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    # In opposite order: were the records locked one by one, the posts could wait for each other for ever.
    orders = [list(range(20)), list(reversed(range(20))), list(range(20))]
    workers = [context.Process(target=_post, args=(board, order, start)) for order in orders]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert sorted(record.spec.seeds.init for record in Store(board).records()) == list(range(20))


def test_threads_share_a_store(board: str) -> None:
    store = Store(board)
    threads = [threading.Thread(target=store.post, args=([run(seed=0), run(seed=number)],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record.spec.seeds.init for record in store.records()) == [0, 1, 2, 3]


def _all_refuse(board: str | Path, message: str) -> None:
    for use in (Store.check, Store.records, lambda store: store.post([run()])):
        with pytest.raises(RequestError, match=message) as refusal:
            use(Store(board))
        assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, " * 100)
    _all_refuse(file, r"notes.txt cannot be used \(file is not a database\): give a new file")
    assert file.read_text() == "not a database, " * 100


def test_a_folder(tmp_path: Path) -> None:
    _all_refuse(tmp_path, "is no file: give a new file")


def test_a_database_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "photos.db"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE photos (id INTEGER)")
    other.close()
    before = file.read_bytes()
    _all_refuse(file, "photos.db is a database of something else: give an empty one")
    assert file.read_bytes() == before


def test_a_server_database_of_something_else(database: str) -> None:
    import psycopg

    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    _all_refuse(database, "is a database of something else: give an empty one")


def test_a_board_of_another_version(tmp_path: Path) -> None:
    file = tmp_path / "board.db"
    Store(file).post([run()])
    later = sqlite3.connect(file)
    later.execute("UPDATE forgetless_board SET version = 2")
    later.commit()
    later.close()
    _all_refuse(file, "has schema version 2, this Forgetless works with 1: use the version that made it")


def test_an_empty_file_becomes_a_board(tmp_path: Path) -> None:
    file = tmp_path / "board.db"
    file.touch()
    with pytest.raises(RequestError, match="there is no board at"):
        Store(file).records()
    Store(file).post([run()])
    assert Store(file).records() == [run()]


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, reason in [
        (tmp_path / "file" / "b.db", "Not a directory"),
        (tmp_path / "no" / "b.db", "No such"),
    ]:
        for use in (Store.check, lambda store: store.post([run()])):
            with pytest.raises(RequestError, match=rf"b.db cannot be made \({reason}.*give a file in a folder"):
                use(Store(place))


def test_a_tampered_record(tmp_path: Path) -> None:
    file = tmp_path / "board.db"
    Store(file).post([run(accuracy=[[0.5, 0.5], [0.9, 0.5], [0.8, 0.9]])])
    tampering = sqlite3.connect(file)
    tampering.execute("UPDATE forgetless_records SET document = replace(document, '[0.8, 0.9]', '[0.9, 0.9]')")
    tampering.commit()
    tampering.close()
    with pytest.raises(RequestError, match=r"holds an invalid record: metrics\.average_accuracy is 0.85"):
        Store(file).records()


@pytest.mark.parametrize("text", ["\N{GREEK SMALL LETTER LAMDA}", "a\nb", "\\u0000", "\x00", "\ud800"])
def test_any_text_in_a_record(board: str, text: str) -> None:
    record = run("ewc", hyperparameters={"text": text})
    Store(board).post([record])
    assert Store(board).records() == [record]


def test_a_name_that_the_database_cannot_hold(board: str) -> None:
    Store(board).post([run()])
    with pytest.raises(RequestError, match=r"cannot be used \(.*utf-8.*"):
        Store(board).post([run(seed=1), run("\ud800")])
    assert Store(board).records() == [run()]


def test_a_server_that_is_not_there() -> None:
    _all_refuse("postgresql://someone:secret@127.0.0.1:1/board", "cannot be used .*give the address")
    with pytest.raises(RequestError, match=r"someone:\*\*\*@127.0.0.1") as refusal:
        Store("postgresql://someone:secret@127.0.0.1:1/board").check()
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "mysql://host/board",
            "mysql://host/board is no place for a board: it should be a file, or postgresql://",
        ),
        ("sqlite://", "is no place for a board"),
        ("sqlite:///:memory:", "is no place for a board"),
        ("postgresql://host:port/board", "the address of the board cannot be read: it should be a file, or"),
    ],
)
def test_addresses_that_are_none(address: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Store(address)


def test_spellings_of_one_board(tmp_path: Path, database: str) -> None:
    Store(tmp_path / "board.db").post([run()])
    assert Store(f"sqlite:///{tmp_path}/board.db").records() == [run()]
    Store(database).post([run()])
    assert Store(database.replace("postgresql://", "postgresql+psycopg://")).records() == [run()]
