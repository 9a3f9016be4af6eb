"""How a safetensors file begins, for those who write one tensor after the other: none has to be copied for it."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True)
class Stored:
    """A tensor in such a file.

    Attributes:
        name: its name.
        kind: its type, as the format calls it: "F32", "I64", ….
        shape: its shape.
        size: its bytes.
    """

    name: str
    kind: str
    shape: Sequence[int]
    size: int


def header(stored: Iterable[Stored], metadata: Mapping[str, str] | None = None) -> bytes:
    """What comes before the tensors, which follow it in the order given, without gaps.

    They should be ordered so that every number lies at a multiple of its size, which is what torch's reader asks for.
    """
    stored = list(stored)
    places = pairwise(accumulate((each.size for each in stored), initial=0))
    fields: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    for each, place in zip(stored, places, strict=True):
        fields[each.name] = {"dtype": each.kind, "shape": list(each.shape), "data_offsets": place}
    text = json.dumps(fields).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
