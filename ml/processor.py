"""The same arithmetic on every x86 processor, so that the same data gives the same models.

Belongs here: what libraries of numbers are told before they look at the processor. Does not belong here: threads and seeds, which every
fit sets for itself.

Such a library takes the widest instructions it finds, which add in another order. Training makes of the last digit another network: on
one processor a photo waited for a person, on the next it was judged. Eight numbers at once is what every processor of the last ten years has.
"""

from __future__ import annotations

import os

ARITHMETIC = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
"""Variables that torch and the libraries below it read once, when they compute for the first time."""


def same_on_every_processor() -> None:
    """Set what is not set yet. Without effect on what has computed before, so call it before torch is used."""
    for name, value in ARITHMETIC.items():
        os.environ.setdefault(name, value)
