"""One stream of random numbers a purpose, so that drawing from one never shifts another."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_for(purpose: str, *numbers: int) -> int:
    """A seed of 63 bits for a purpose, drawn from a few small numbers; equal everywhere and for ever."""
    text = ":".join([purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_for(purpose: str, *numbers: int) -> torch.Generator:
    """A generator of its own for a purpose."""
    return torch.Generator().manual_seed(seed_for(purpose, *numbers))


@contextmanager
def global_seed(device: torch.device, purpose: str, *numbers: int) -> Iterator[None]:
    """Seed torch's global generators for a while, and leave them as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed_for(purpose, *numbers))
        yield
