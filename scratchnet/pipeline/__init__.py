"""Several steps as one estimator, under scikit-learn's names."""

from scratchnet.pipeline.pipeline import Pipeline, make_pipeline

__all__ = [
    "Pipeline",
    "make_pipeline",
]
