"""torch's compiler takes seconds to import: whose time they are, and who never needs it."""

import importlib
import re

from benchmark.spec import RunSpec
from scenarios.registry import source_files
from strategies.catalogue import STRATEGIES

USES = re.compile(rb"\btorch\b.*\b(func|optim|compile|vmap)\b")
"""What a line looks like that speaks of a part of torch whose first use imports the compiler."""


def import_compiler() -> None:
    """Import it now, so that the seconds are not those of the first task that comes to need it."""
    importlib.import_module("torch._dynamo")


def imports_compiler(spec: RunSpec) -> bool:
    """Whether a run's strategy may import the compiler by the way, uncompiled as it may be: so its source says."""
    return any(USES.search(file.read_bytes()) for file in source_files(STRATEGIES.get(spec.strategy)))
