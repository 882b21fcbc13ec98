"""The ten tasks of a coordinator's day: what each may cost in clicks, keys and fields, and what it does cost.

A field is a value that is filled in by hand, however many keys that takes; a task counts its keys or its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    clicks: int = 0
    keys: int = 0
    fields: int = 0

    def within(self, other: Cost) -> bool:
        return self.clicks <= other.clicks and self.keys <= other.keys and self.fields <= other.fields

    def __str__(self) -> str:
        parts = [(self.clicks, "click"), (self.keys, "key"), (self.fields, "field")]
        return ", ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n) or "nothing"


@dataclass(frozen=True, slots=True)
class Task:
    words: str
    allowed: Cost
    takes: Cost


TASKS = {
    1: Task("See what needs me now, after signing in", Cost(), Cost()),
    2: Task("Enter one liver panel from Today", Cost(clicks=1, keys=13), Cost(clicks=1, keys=13)),
    3: Task("Enter three panels in the grid", Cost(keys=39), Cost(keys=39)),
    4: Task("Find a patient and know the phase", Cost(keys=9), Cost(keys=7)),
    5: Task("Answer an ALT trigger with a taper", Cost(clicks=2), Cost(clicks=2)),
    6: Task("See whether an infusion is possible on another date", Cost(clicks=1, fields=1), Cost(clicks=1, fields=1)),
    7: Task("Record a gate result of another day", Cost(clicks=1, keys=1, fields=3), Cost(clicks=1, keys=1, fields=3)),
    8: Task("Complete a milestone: both activities", Cost(clicks=1, keys=20), Cost(clicks=1, keys=13)),
    9: Task("Reassign two rows, without their walk and the name", Cost(keys=4), Cost(keys=4)),
    10: Task("Send a payer its dataset, from Today", Cost(clicks=4), Cost(clicks=4)),
}  # fmt: skip


class Hand:
    """One person's hand on one page, and what it has done so far."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.clicks = self.keys = self.fields = 0

    def click(self, target: str) -> None:
        """A click that opens another page."""
        with self.page.expect_navigation():
            self.page.click(target)
        self.clicks += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.keys += len(keys)

    def enter(self) -> None:
        """The Enter that opens another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.keys += 1

    def fill(self, target: str, text: str) -> None:
        self.page.fill(target, text)
        self.fields += 1

    def takes(self, number: int) -> None:
        """It cost what the table says, which is within what it may cost."""
        task, spent = TASKS[number], Cost(self.clicks, self.keys, self.fields)
        assert (spent, spent.within(task.allowed)) == (task.takes, True)


def table() -> str:
    """The ten tasks as the documentation holds them."""
    head = ["| task | at most | takes |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {t.words} | {t.allowed} | {t.takes} |" for t in TASKS.values())])
