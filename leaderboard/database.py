"""The database behind a board: an SQLite file, or PostgreSQL by its address."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from scenarios.errors import RequestError

# Posts take turns, so that the order of posting is one order, and two that make a board make one. The
# number of PostgreSQL's lock is any that nobody else in the database would take.
_TAKE_TURN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(19890110)"}

_HINTS = {
    "sqlite": "give a new file, or one that was made by posting",
    "postgresql": "give the address of a PostgreSQL database you may write to, or a file",
}


class Database:
    """A database in which each transaction happens as a whole or not at all.

    Nothing is opened before it is needed, and nothing stays open between transactions.

    Args:
        board: a file, or `postgresql://user@host/database`.

    Attributes:
        name: the board as an error message may show it, without password.
        dialect: "sqlite" or "postgresql".

    Raises:
        RequestError: here and in every method, where the board cannot be used.
    """

    def __init__(self, board: str | Path) -> None:
        if "://" in str(board):
            url = _parsed(str(board))
            self.name = url.render_as_string(hide_password=True)
            self._path = Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
        else:
            self.name = str(board)
            self._path = Path(board)
        self._engine = _server_engine(url) if self._path is None else _file_engine(self._path)
        event.listen(self._engine, "begin", _begin)
        self.dialect = self._engine.dialect.name

    @property
    def missing(self) -> bool:
        """Whether it is a file that is not there. A server is asked in a transaction."""
        return self._path is not None and not os.path.exists(self._path)

    def make(self, *, keep: bool) -> None:
        """Make the missing file, empty; without `keep`, only find out whether one could be made there."""
        assert self._path is not None
        try:
            if keep:
                self._path.touch()
            else:
                tempfile.TemporaryFile(dir=self._path.parent).close()
        except OSError as error:
            raise RequestError(
                f"the board {self.name} cannot be made ({error.strerror}): give a file in a folder you can write to"
            ) from None

    @contextmanager
    def transaction(self, *, posting: bool) -> Iterator[Connection]:
        """A connection whose work is committed at the end, unless an error ends it.

        Args:
            posting: it writes, so it waits until nobody else does.
        """
        if self._path and not os.path.isfile(self._path):
            raise RequestError(f"the board {self.name} is no file: {_HINTS['sqlite']}")
        try:
            with self._engine.connect().execution_options(posting=posting) as connection:
                yield connection
                connection.commit()
        except (SQLAlchemyError, UnicodeError) as error:
            trouble = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise RequestError(f"the board {self.name} cannot be used ({trouble}): {_HINTS[self.dialect]}") from None


def _parsed(address: str) -> URL:
    form = "it should be a file, or postgresql://user@host/database"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Not repeated in the message: what cannot be taken apart may hold a password anywhere.
        raise RequestError(f"the address of the board cannot be read: {form}") from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    in_memory = url.drivername == "sqlite" and url.database in {None, "", ":memory:"}
    if in_memory or url.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise RequestError(f"{url.render_as_string()} is no place for a board: {form}")
    return url


def _file_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # "rw" never makes a file. Transactions begin below: left to itself, sqlite3 keeps DDL out of them.
        address = f"{path.absolute().as_uri()}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=30, isolation_level=None)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _server_engine(url: URL) -> Engine:
    patience = {"connect_timeout": url.query.get("connect_timeout", "10")}
    url = url.set(drivername="postgresql+psycopg").update_query_dict(patience)
    try:
        return create_engine(url, poolclass=NullPool)
    except ImportError:
        raise RequestError("a board in PostgreSQL needs psycopg: pip install 'forgetless[postgresql]'") from None


def _begin(connection: Connection) -> None:
    dialect = connection.dialect.name
    if connection.get_execution_options().get("posting"):
        connection.exec_driver_sql(_TAKE_TURN[dialect])
    elif dialect == "sqlite":
        connection.exec_driver_sql("BEGIN")
