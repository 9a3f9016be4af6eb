"""Checkpoints: what a run needs to go on as if nothing had happened, in one file that is whole or absent.

What was measured so far is in the journal beside it (see `benchmark.keeping`). The file is in safetensors format,
the facts that are no tensors as JSON in its metadata. Nothing in it is ever executed, and every part has a checksum.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from benchmark.files import unfinished, write_atomically
from benchmark.journal import FILE as JOURNAL
from benchmark.outcome import Outcome
from benchmark.tensor_file import Stored, header
from scenarios.errors import RequestError

FILE = "checkpoint.safetensors"
SCHEMA = "forgetless.checkpoint/1"

KINDS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls the types of tensors."""


@dataclass
class Position:
    """Where a run is: what comes next.

    Attributes:
        task: the task to learn, from 0.
        begun: whether its `start_task` has been called.
        phase, epoch, step: within it, what is done already.
    """

    task: int = 0
    begun: bool = False
    phase: int = 0
    epoch: int = 0
    step: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A run, or runs that are made at once, in the middle.

    Attributes:
        tensors: state of strategy, optimiser, schedule and generators, by name.
        facts: everything else, as JSON has it.
        outcomes: what was measured so far, of each run.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    outcomes: list[Outcome] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Put the checkpoint, all but the outcomes, into a run's folder, in place of the one before.

        Tensors are written one after the other: of none of them there is a copy in memory meanwhile.
        """
        text = json.dumps({**self.facts, "tensors": {name: _digest(tensor) for name, tensor in self.tensors.items()}})
        metadata = {"schema": SCHEMA, "facts": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        write_atomically(folder / FILE, self._content(metadata))

    def _content(self, metadata: dict[str, str]) -> Iterator[bytes | memoryview]:
        """The file, part by part; the largest numbers first, so that each lies at a multiple of its size."""
        ordered = sorted(self.tensors.items(), key=lambda item: -item[1].dtype.itemsize)
        yield header((Stored(name, KINDS[each.dtype], each.shape, each.nbytes) for name, each in ordered), metadata)
        for _, tensor in ordered:
            yield _bytes(tensor)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix/`, by the rest of their names."""
        start = f"{prefix}/"
        return {name.removeprefix(start): tensor for name, tensor in self.tensors.items() if name.startswith(start)}


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in a run's folder, without what was measured.

    Raises:
        RequestError: where there is none, or it is truncated, damaged or something else.
    """
    path = folder / FILE
    if not path.is_file():
        raise RequestError(f"{folder} holds no checkpoint ({FILE}): there is nothing to resume")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise RequestError(f"{path} cannot be read: {error}; run again from the start") from None
    text = metadata.get("facts", "")
    if metadata.get("schema") != SCHEMA:
        raise RequestError(f"{path} is no checkpoint of this version: its schema is {metadata.get('schema')!r}")
    facts: dict[str, Any] = json.loads(text) if hashlib.sha256(text.encode()).hexdigest() == metadata["sha256"] else {}
    if facts.pop("tensors", None) != {name: _digest(tensor) for name, tensor in tensors.items()}:
        raise RequestError(f"{path} is damaged: a checksum differs; run again from the start")
    return Checkpoint(tensors, facts)


def remove_checkpoint(folder: Path) -> None:
    """Take away the checkpoint of a run that has its record, and before it its journal.

    Killed in between, the run is still one to resume, which then finds the record and takes away the rest.
    """
    for path in (unfinished(folder / FILE), folder / JOURNAL, folder / FILE):
        path.unlink(missing_ok=True)


def load_state(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Load a state whose tensors may have other shapes than the module's: memories fill, embeddings grow."""
    device = next(module.parameters()).device
    for name, tensor in state.items():
        path, _, leaf = name.rpartition(".")
        owner = module.get_submodule(path)
        own = tensor.to(device, copy=True)
        known = owner._parameters.get(leaf)
        if known is not None and known.shape == tensor.shape:
            with torch.no_grad():
                known.copy_(own)
        elif known is not None:
            owner.register_parameter(leaf, nn.Parameter(own, known.requires_grad))
        elif leaf in owner._buffers:
            setattr(owner, leaf, own)
        else:
            owner.register_buffer(leaf, own)


def _digest(tensor: Tensor) -> str:
    digest = hashlib.sha256(repr((str(tensor.dtype), tuple(tensor.shape))).encode())
    digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """The bytes of a tensor, where they lie if they lie in memory one after the other."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
