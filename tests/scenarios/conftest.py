"""A small source whose every example can be told from every other, and registries that forget."""

import pytest
import torch

from benchmark.catalogue import PROPERTIES
from scenarios.catalogue import SCENARIOS, SOURCES
from scenarios.sources.source import Source, load_source
from strategies.catalogue import NETWORKS, STRATEGIES


@pytest.fixture(scope="session")
def letters() -> Source:
    """Six classes, a to f, of 20 training and 5 test images; the first two pixels number the image."""
    y = torch.arange(6).repeat(25)
    x = torch.randint(0, 256, (len(y), 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    x[:, 0, 0, 0] = torch.arange(len(y))
    x[:, 0, 0, 1] = 7
    return Source("letters", tuple("abcdef"), x[:120], y[:120], x[120:], y[120:])


@pytest.fixture(scope="session")
def digits() -> Source:
    return load_source("digits")


@pytest.fixture
def fresh_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries that have not yet looked for installed packages, and know of no plug-in."""
    for registry in (SCENARIOS, SOURCES, STRATEGIES, NETWORKS, PROPERTIES):
        _ = registry.catalogue  # read, so that there is one to come back to
        monkeypatch.delitem(registry.__dict__, "catalogue")
        monkeypatch.setattr(registry, "_plugins", {})
