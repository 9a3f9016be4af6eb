"""The store of a leaderboard: records, in the order in which they were posted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, false, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from benchmark.record import RunRecord
from benchmark.spec import one_line
from leaderboard.database import Database
from leaderboard.entries import seeds_text
from scenarios.errors import RequestError

VERSION = 1
"""Version of the tables below, kept in the database."""

_TABLES = MetaData()

_BOARD = Table("forgetless_board", _TABLES, Column("version", Integer, primary_key=True))

_RECORDS = Table(
    "forgetless_records",
    _TABLES,
    Column("id", Integer, primary_key=True, comment="the order of posting"),
    Column("digest", String, unique=True, nullable=False),
    Column("entry", String, index=True, nullable=False),
    Column("protocol", String, index=True, nullable=False),
    Column("scenario", String, nullable=False),
    Column("strategy", String, nullable=False),
    Column("status", String, nullable=False),
    Column("document", String, nullable=False, comment="the record itself, as JSON"),
    Column("posted", String, nullable=False, comment="when, in UTC"),
)

_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a posted record: its digest, that of its entry, and whether it was new to the board."""

    digest: str
    entry: str
    new: bool


class Store:
    """The records of a board.

    Args:
        board: a file, or `postgresql://user@host/database`. The first post makes what is needed in it.

    Raises:
        RequestError: here and in every method, where the board is not one or cannot be used.
    """

    def __init__(self, board: str | Path) -> None:
        self._database = Database(board)
        self.name = self._database.name

    def post(self, records: Sequence[RunRecord], places: Sequence[str | Path] = ()) -> list[Outcome]:
        """Add records, all of them or none.

        A record that is there already is left as it is, so posting twice changes nothing.

        Args:
            records: completed or diverged runs.
            places: where each comes from, for the error message.

        Raises:
            RequestError: also for a failed run, or a trial of the tuner's.
        """
        for index, record in enumerate(records):
            if record.spec.trial is not None:
                raise RequestError(
                    f"{places[index] if places else _label(record)} is a trial of the tuner's, tested on validation "
                    "examples: only runs that count are posted"
                )
            if record.status == "failed":
                raise RequestError(
                    f"{places[index] if places else _label(record)} failed ({record.reason}): "
                    "only completed or diverged runs are posted"
                )
        if self._database.missing:
            self._database.make(keep=True)
        with self._database.transaction(posting=True) as connection:
            self._prepare(connection)
            return [self._add(connection, record) for record in records]

    def check(self) -> None:
        """Find out whether records can be posted, without leaving a trace."""
        if self._database.missing:
            self._database.make(keep=False)
            return
        with self._database.transaction(posting=True) as connection:
            self._prepare(connection)
            nothing = select(_RECORDS).where(false())
            connection.execute(insert(_RECORDS).from_select(list(_RECORDS.c), nothing))
            connection.rollback()

    def records(self) -> list[RunRecord]:
        """All records, in the order of posting."""
        documents: Sequence[str] | None = None
        if not self._database.missing:
            with self._database.transaction(posting=False) as connection:
                if self._verified(connection):
                    documents = connection.scalars(select(_RECORDS.c.document).order_by(_RECORDS.c.id)).all()
        if documents is None:
            raise RequestError(f"there is no board at {self.name}: post records to it first")
        try:
            return [RunRecord.model_validate(json.loads(document)) for document in documents]
        except ValidationError as error:
            raise RequestError(f"the board {self.name} holds an invalid record: {one_line(error)}") from None
        except ValueError as error:
            raise RequestError(f"the board {self.name} holds a damaged record: it is not JSON ({error})") from None

    def _verified(self, connection: Connection) -> bool:
        """Whether the tables are there, and are ours; False for an empty database."""
        found = set(inspect(connection).get_table_names())
        if not found:
            return False
        if not found >= _TABLES.tables.keys():
            raise RequestError(f"the board {self.name} is a database of something else: give an empty one")
        versions = connection.scalars(select(_BOARD.c.version)).all()
        if versions != [VERSION]:
            stated = ", ".join(map(str, versions)) or "none"
            raise RequestError(
                f"the board {self.name} has schema version {stated}, this Forgetless works with {VERSION}: "
                "use the version that made it, or another board"
            )
        return True

    def _prepare(self, connection: Connection) -> None:
        if not self._verified(connection):
            _TABLES.create_all(connection)
            connection.execute(insert(_BOARD).values(version=VERSION))

    def _add(self, connection: Connection, record: RunRecord) -> Outcome:
        digest, entry = record.digest, record.entry
        row = {
            "digest": digest,
            "entry": entry,
            "protocol": record.protocol,
            "scenario": record.spec.scenario,
            "strategy": record.spec.strategy,
            "status": record.status,
            "document": record.to_json(),
            "posted": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        statement = _INSERT[self._database.dialect](_RECORDS).values(row)
        added = connection.execute(statement.on_conflict_do_nothing(index_elements=["digest"]).returning(_RECORDS.c.id))
        return Outcome(digest, entry, new=added.first() is not None)


def _label(record: RunRecord) -> str:
    spec = record.spec
    return f"the run of {spec.strategy} on {spec.scenario} with {seeds_text(spec.seeds)}"
