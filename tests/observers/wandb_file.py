"""Reads what wandb wrote for a run, from its own file: no server, no account."""

import json
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

HEADER = 7
BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class WandbFile:
    """What a `.wandb` file holds, as far as the tests ask.

    Attributes:
        folder: of the run's files (pictures, tables).
        run: name, group, job type and project.
        config: of the run.
        history: what was logged, one item a call.
        summary: as it stood at the end.
        axes: the metric that each metric is drawn against.
        exit_code: None where the run did not end.
    """

    folder: Path
    run: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    def logged(self, name: str) -> list[Any]:
        """Every value logged under a name, in order."""
        return [item[name] for item in self.history if name in item]


def read_wandb_files(directory: Path, patience: float = 30.0) -> list[WandbFile]:
    """The runs logged offline under a directory, each up to its end.

    A process of wandb's own writes the files, and has often not written the last block yet when `finish`
    returns: a file is read again until the run's end is in it.

    Raises:
        TimeoutError: where it is not there after so many seconds.
    """
    return [_read_to_the_end(path, patience) for path in sorted(directory.glob("wandb/offline-run-*/run-*.wandb"))]


def _read_to_the_end(path: Path, patience: float) -> WandbFile:
    deadline = time.monotonic() + patience
    while (found := _read(path)).exit_code is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} has no end")
        time.sleep(0.02)
    return found


def _read(path: Path) -> WandbFile:
    found = WandbFile(path.parent / "files")
    for payload in _payloads(path.read_bytes()):
        record = Record.FromString(payload)
        match record.WhichOneof("record_type"):
            case "run":
                run = record.run
                found.run = {
                    "name": run.display_name,
                    "group": run.run_group,
                    "job_type": run.job_type,
                    "project": run.project,
                }
                _assign(found.config, run.config.update)
            case "config":
                _assign(found.config, record.config.update)
            case "history":
                item: dict[str, Any] = {}
                _assign(item, record.history.item)
                found.history.append(item)
            case "summary":
                _assign(found.summary, record.summary.update)
            case "metric":
                found.axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
            case "exit":
                found.exit_code = record.exit.exit_code
    return found


def _assign(into: dict[str, Any], items: Any) -> None:
    """Set each item under its key, or under its path of keys."""
    for item in items:
        *path, last = [item.key] if item.key else item.nested_key
        place = into
        for key in path:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)


def _payloads(data: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log, put together from their fragments, each with its checksum checked."""
    assert data[:4] == b":W&B", "no wandb file"
    position, parts = HEADER, b""
    while position + HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEADER:  # too little for a record's header: the rest of the block is padding
            position += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, position)
        fragment = data[position + HEADER : position + HEADER + length]
        if len(fragment) < length:  # still being written
            return
        assert checksum == zlib.crc32(bytes([kind]) + fragment), f"damaged at byte {position}"
        position += HEADER + length
        parts = fragment if kind in (FULL, FIRST) else parts + fragment
        if kind in (FULL, LAST):
            yield parts
