"""All strategies and networks by name, listed without importing torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scenarios.registry import Registry

if TYPE_CHECKING:
    from strategies.networks.network import Network
    from strategies.strategy import Strategy

STRATEGIES: Registry[Callable[..., "Strategy"]] = Registry("strategy", "strategies", "forgetless.strategies")

NETWORKS: Registry[Callable[..., "Network"]] = Registry("network", "strategies.networks", "forgetless.networks")
