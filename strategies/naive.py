"""Plain fine-tuning: the lower bound."""

from strategies.strategy import Strategy, register


@register("naive")
class Naive(Strategy):
    """Train on each task as it comes, and do nothing about forgetting."""
