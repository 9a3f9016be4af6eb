"""Wines and their analyses, which come with scikit-learn."""

from pathlib import Path

from scenarios.sources.source import Source, register


@register("wine", classes=3, shape=(13,), data="with scikit-learn")
def wine(root: Path | None = None) -> Source:
    """Wine: a table of 144 + 34 chemical analyses of wines by three growers (Aeberhard & Forina 1991).

    Every fifth example of each class is a test example; features are standardised by the training examples.
    """
    from sklearn.datasets import load_wine

    from scenarios.sources.table import table

    return table("wine", load_wine())
