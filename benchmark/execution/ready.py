"""What the server of processes has imported and read before it forks the first: no run has to do so again."""

from contextlib import suppress

import benchmark.execution.local  # noqa: F401
from benchmark.catalogue import PROPERTIES
from scenarios.catalogue import SCENARIOS, SOURCES
from scenarios.errors import RequestError
from strategies.catalogue import NETWORKS, STRATEGIES

for registry in (SCENARIOS, SOURCES, STRATEGIES, NETWORKS, PROPERTIES):
    with suppress(RequestError):  # of an installed plug-in: whoever asks for something of the kind is told
        registry.entries()
