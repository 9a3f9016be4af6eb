"""A file that only grows: what was measured along a run, written once, as it comes.

Checkpoints do not repeat it. They say how far it was good, so that one costs the same after a thousand tasks
as after the first.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FILE = "measured.journal"

CHUNK = 2**20
"""Bytes read at a time."""


class Damaged(Exception):
    """A journal is not what its mark says; the message says how."""


class Journal:
    """Entries, each a line of JSON followed by the bytes that it announces.

    What a killed process wrote after the last mark counts for nothing, and is written over.

    Args:
        folder: of the run. Nothing is opened or made before the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.length = 0
        self.content = hashlib.sha256()

    def add(self, facts: dict[str, Any], arrays: Sequence[np.ndarray]) -> int:
        """Write an entry, and make sure that it is on disk.

        Returns:
            Where in the file the first array begins; the others follow it.

        Raises:
            OSError: where it cannot be written; the journal then is as it was.
        """
        parts = [np.ascontiguousarray(array).tobytes() for array in arrays]
        line = json.dumps({**facts, "bytes": sum(map(len, parts))}, allow_nan=False).encode() + b"\n"
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(self.length)
            file.seek(self.length)
            file.writelines([line, *parts])
            file.flush()
            os.fsync(file.fileno())
        for part in (line, *parts):
            self.content.update(part)
        begins = self.length + len(line)
        self.length = begins + sum(map(len, parts))
        return begins

    def mark(self) -> dict[str, Any]:
        """How far the journal goes, and the checksum of all that."""
        return {"bytes": self.length, "sha256": self.content.hexdigest()}

    def recall(self, mark: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
        """Go back to a mark: each entry's facts up to there, and where its first array begins.

        Raises:
            Damaged: where the file is another up to the mark, or is not there.
        """
        self._go_to(mark)
        if not self.length:
            return
        with self.path.open("rb") as file:
            while file.tell() < self.length:
                facts = json.loads(file.readline())
                yield facts, file.tell()
                file.seek(facts["bytes"], os.SEEK_CUR)

    def _go_to(self, mark: dict[str, Any]) -> None:
        content, left = hashlib.sha256(), mark["bytes"]
        try:
            if left:
                with self.path.open("rb") as file:
                    while left and (chunk := file.read(min(left, CHUNK))):
                        content.update(chunk)
                        left -= len(chunk)
        except OSError as error:
            raise Damaged(f"{self.path} cannot be read: {error.strerror or error}") from None
        if content.hexdigest() != mark["sha256"]:
            raise Damaged(f"{self.path} is damaged: " + ("it is cut short" if left else "a checksum differs"))
        self.length, self.content = mark["bytes"], content
