"""All strategies and networks by name, listed without importing torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from scenarios.errors import RequestError
from scenarios.registry import Registry

if TYPE_CHECKING:
    from strategies.networks.network import Network
    from strategies.strategy import Strategy


class Strategies(Registry[Callable[..., "Strategy"]]):
    """Strategies by name. Names joined by "+" are one that composes them: `rehearsal+ewc`."""

    def get(self, name: str) -> Callable[..., "Strategy"]:
        if "+" not in name or name in self._loaded:
            return super().get(name)
        from strategies.composed import composed

        names = name.split("+")
        if len(set(names)) < len(names):
            raise RequestError(f"{name}: a strategy cannot be composed with itself")
        self._loaded[name] = composed(
            name, {each: cast("type[Strategy]", super(Strategies, self).get(each)) for each in names}
        )
        return self._loaded[name]


STRATEGIES = Strategies("strategy", "strategies", "forgetless.strategies")

NETWORKS: Registry[Callable[..., "Network"]] = Registry("network", "strategies.networks", "forgetless.networks")
