"""Fisher's irises, which come with scikit-learn."""

from pathlib import Path

from scenarios.sources.source import Source, register


@register("iris", classes=3, shape=(4,), data="with scikit-learn")
def iris(root: Path | None = None) -> Source:
    """Iris: a table of 120 + 30 flowers of three species, four lengths each (Fisher 1936).

    Every fifth example of each class is a test example; features are standardised by the training examples.
    """
    from sklearn.datasets import load_iris

    from scenarios.sources.table import table

    return table("iris", load_iris())
