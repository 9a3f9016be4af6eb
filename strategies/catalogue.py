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
        names = parts_of(name)
        if len(names) == 1 or name in self._loaded:
            return super().get(name)
        from strategies.composed import composed

        if len(set(names)) < len(names):
            raise RequestError(f"{name}: a strategy cannot be composed with itself")
        self._loaded[name] = composed(
            name, {each: cast("type[Strategy]", super(Strategies, self).get(each)) for each in names}
        )
        return self._loaded[name]


def parts_of(name: str) -> list[str]:
    """The names that a name is composed of: `der+++ewc` is `der++` and `ewc`."""
    names: list[str] = []
    for part in name.split("+"):
        if part or not names:
            names.append(part)
        else:
            names[-1] += "+"
    return names


STRATEGIES = Strategies("strategy", "strategies", "forgetless.strategies")

NETWORKS: Registry[Callable[..., "Network"]] = Registry("network", "strategies.networks", "forgetless.networks")
