"""What goes wrong while people are told.

Belongs here: the two errors. Does not belong here: what is done about them.
"""


class AlertsError(Exception):
    """Nothing was sent or changed. `problems` says why, one line each; `next_step` what to do."""

    def __init__(self, problems: list[str], next_step: str = "") -> None:
        super().__init__("\n".join([*problems, next_step]).strip())
        self.problems = problems
        self.next_step = next_step


class DeliveryError(Exception):
    """One receiver could not be reached now; it is tried again. `retry_after_seconds` is what it asked for, where it did."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
