"""Biopsies of breast tumours, which come with scikit-learn."""

from pathlib import Path

from scenarios.sources.source import Source, register


@register("breast-cancer", classes=2, shape=(30,), data="with scikit-learn")
def breast_cancer(root: Path | None = None) -> Source:
    """Breast cancer: a table of 456 + 113 biopsies, malignant or benign, 30 features (Wolberg et al. 1995).

    Every fifth example of each class is a test example; features are standardised by the training examples.
    """
    from sklearn.datasets import load_breast_cancer

    from scenarios.sources.table import table

    return table("breast-cancer", load_breast_cancer())
