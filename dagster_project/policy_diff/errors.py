"""What stops a comparison, as a message with the next step.

Belongs here: the one error. Does not belong here: printing it.
"""

from __future__ import annotations

from collections.abc import Sequence


class DiffError(Exception):
    """Nothing was compared and the warehouse is as it was. `problems` says why, one line each; `next_step` what to do."""

    def __init__(self, problems: Sequence[str], next_step: str = "") -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
        self.next_step = next_step
