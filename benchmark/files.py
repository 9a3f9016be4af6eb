"""Files that are whole or absent."""

import os
from collections.abc import Iterable
from pathlib import Path


def unfinished(path: Path) -> Path:
    """Where a file is written before it is put in its place; what a killed process left there is written over."""
    return path.with_name(f".{path.name}.unfinished")


def write_atomically(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write beside the file, part by part if it comes in parts, make sure it is on disk, then put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = unfinished(path)
    try:
        with beside.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
