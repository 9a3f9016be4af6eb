"""A plug-in that ends its process where the first step of training would begin."""

import os

from strategies.strategy import Batch, Strategy, register


@register("first-step")
class FirstStep(Strategy):
    """End the process before the first step."""

    def prepare(self, batch: Batch) -> Batch:
        os._exit(0)
