"""Demo data: a synthetic retailer in the files of a real one, with all optional files and the truth beside it.

Belongs here: inventing data. Does not belong here: reading it; no other part of the product
imports from this package but the command line and tests.
"""

from __future__ import annotations

from .generate import generate
from .sizes import SIZES, DemoSize, DemoSummary

__all__ = ["SIZES", "DemoSize", "DemoSummary", "generate"]
