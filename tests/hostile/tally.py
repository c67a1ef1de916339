"""What an attack has done, and what it was told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.hostile.door import Answer


@dataclass
class Tally:
    """Counts of one attack.

    Attributes:
        connections: opened.
        requests: begun, whether they were ended or not.
        statuses: of answers.
        cut: connections that the server closed without an answer.
        hangs: connections that were neither answered nor closed within the patience.
        unadvised: answers 429 and 503 that do not say when to come again.
    """

    connections: int = 0
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    hangs: int = 0
    unadvised: int = 0

    def note(self, answer: Answer | None) -> None:
        """An answer, or None where the connection was closed without one."""
        if answer is None:
            self.cut += 1
            return
        self.statuses[answer.status] += 1
        self.unadvised += answer.status in {429, 503} and not answer.headers.get("retry-after", "").isdecimal()

    def add(self, other: Tally) -> None:
        """Those of ``other``, too."""
        for name in ("connections", "requests", "cut", "hangs", "unadvised"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.statuses.update(other.statuses)

    @property
    def faults(self) -> int:
        """Answers that tell of a fault of the server: 5xx, but for the 503 that says when to come again."""
        return sum(count for status, count in self.statuses.items() if status >= 500 and status != 503)
