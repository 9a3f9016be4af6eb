"""How code of another library is run: in silence, and without touching anyone's random generators."""

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np
import torch


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the library prints and warns of."""
    with warnings.catch_warnings(record=True), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # Avalanche's own say it all the same, and are recorded then
        yield


@contextmanager
def everyones_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python for a while, and leave them as they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (a foreign loop draws from it)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
