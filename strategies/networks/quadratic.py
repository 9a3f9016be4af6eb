"""A network whose logits are quadratic forms of the input."""

import math

from pydantic import PositiveInt
from torch import Tensor, nn

from strategies.networks.network import Connection, Gate, Network, gated, register


@register("quadratic")
class Quadratic(Network):
    """One hidden layer without biases whose units are squared (Gilmer et al. 2018, section 4).

    The difference of two logits is Σ_j a_j (w_j·x)² + b, a quadratic form: in some orthonormal basis Σ_i λ_i z_i² + b.
    Of two spheres around the origin, the answer is thus known everywhere (the property `analytic-error`). The paper
    has one output where there is one logit a class here: their α_i is −λ_i / b.

    Args:
        input_shape: shape of one input; it is flattened.
        classes: number of outputs.
        hidden: units that are squared. With fewer than there are inputs, some λ_i are zero.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, *, hidden: PositiveInt = 1000) -> None:
        super().__init__()
        self.gateable = (hidden,)
        self.hidden = nn.Linear(math.prod(input_shape), hidden, bias=False)
        self.output = nn.Linear(hidden, classes)
        self.connections = {"hidden.weight": Connection(0, None)}

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        return gated(self.hidden(self.inputs(x).flatten(1)).square(), gate, 0)
