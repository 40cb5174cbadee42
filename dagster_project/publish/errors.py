"""What a person is told when publishing is not possible.

Belongs here: the exception, and the sentence that all of them may say. Does not belong here: printing.
"""

from __future__ import annotations

UNCHANGED = "What was published before is untouched."


class PublishError(Exception):
    """Nothing was published; what was published before is whole. `problems` says why, one line each; `next_step` what to do."""

    def __init__(self, problems: list[str], next_step: str = "") -> None:
        super().__init__("\n".join([*problems, next_step]).strip())
        self.problems = problems
        self.next_step = next_step
