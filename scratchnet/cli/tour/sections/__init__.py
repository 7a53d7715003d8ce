"""All sections of the tour, in the order in which a newcomer reads them: a new one is added here."""

from __future__ import annotations

from scratchnet.cli.tour.section import Section
from scratchnet.cli.tour.sections import (
    confusion,
    convolution,
    digits,
    perceptron,
    r2,
    reading,
    residual,
    roc,
    validation,
)

__all__ = ["SECTIONS"]

SECTIONS: tuple[Section, ...] = (
    perceptron.SECTION,
    convolution.SECTION,
    digits.SECTION,
    residual.SECTION,
    reading.SECTION,
    validation.SECTION,
    confusion.SECTION,
    roc.SECTION,
    r2.SECTION,
)
