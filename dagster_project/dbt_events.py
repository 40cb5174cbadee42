"""Which events dbt makes in this process.

Belongs here: leaving out what nobody hears. Does not belong here: calling dbt (`build`), and what is made of its events (`dbt_steps`).
"""

from __future__ import annotations

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager


class HeardEvents(EventManager):
    """Events of dbt without those for its debug log where it writes none: nine in ten, and a fifth of dbt's own time."""

    def fire_event(self, e: BaseEvent, level: EventLevel | None = None, *arguments: Any, **named: Any) -> None:
        """Pass the event on to the logs of this command and its callbacks, or drop it."""
        if self.loggers or (level or e.level_tag()) != EventLevel.DEBUG:
            super().fire_event(e, level, *arguments, **named)
