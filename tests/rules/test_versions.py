"""Which version of a result counts: the transitions, and that arrival order and repetition do not matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.rules import keys
from patients.rules.versions import RANK, active_facts, current

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One arrival: reported `hour` hours after collection."""

    status: str
    number: str | None
    hour: int | None
    arrival: int = 0

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE_OID, f"{self.status}|{self.number}|{self.hour}|{self.arrival}")

    @property
    def collected_at(self) -> datetime:
        return START

    @property
    def reported_at(self) -> datetime | None:
        return None if self.hour is None else START + timedelta(hours=self.hour)

    @property
    def value(self) -> Decimal | None:
        return None if self.number is None else Decimal(self.number)

    @property
    def comparator(self) -> str:
        return ""

    @property
    def code(self) -> str | None:
        return None

    @property
    def content_hash(self) -> str:
        return keys.content_hash((self.status, self.number, self.hour))


def report(status: str, number: str | None, hour: int | None = 1) -> Report:
    return Report(status=status, number=number, hour=hour)


@pytest.mark.parametrize(
    ("arrivals", "counts", "conflict"),
    [
        ([("preliminary", "40", 1)], "40", False),
        ([("preliminary", "40", 1), ("final", "42", 2)], "42", False),
        ([("preliminary", "40", 1), ("preliminary", "41", 2)], "41", False),
        ([("final", "42", 1), ("preliminary", "40", 2)], "42", False),
        ([("final", "221", 1), ("final", "221", 2)], "221", False),
        ([("final", "221", 1), ("final", "220", 2)], "221", True),
        ([("final", "221", 1), ("corrected", "220", 2)], "220", False),
        ([("final", "221", 1), ("amended", "220", 2)], "220", False),
        ([("final", "221", 2), ("corrected", "220", 1)], "220", True),
        ([("corrected", "220", 2), ("final", "230", 3)], "220", True),
        ([("final", "221", 1), ("final", "220", 2), ("corrected", "220", 3)], "220", False),
        ([("pending", None, 1)], None, False),
        ([("pending", None, 1), ("preliminary", "40", 2)], "40", False),
        ([("final", "42", 1), ("pending", None, 2)], "42", False),
        ([("final", "42", 1), ("cancelled", None, 2)], None, False),
        ([("final", "42", 1), ("entered_in_error", None, 2)], None, False),
        ([("final", "42", 1), ("entered_in_error", None, 2), ("final", "44", 3)], "44", False),
        ([("final", "42", 1), ("entered_in_error", None, 2), ("preliminary", "44", 3)], None, False),
        ([("entered_in_error", None, 2), ("final", "42", 1)], None, False),
        ([("final", "42", None)], "42", False),
        ([("final", "42", None), ("corrected", "40", None)], "40", False),
        ([("final", "42", 2), ("corrected", "40", None)], "40", False),
        ([("final", "42", 2), ("corrected", "40", None), ("corrected", "39", 3)], "39", False),
        ([("final", "42", 2), ("entered_in_error", None, None)], None, False),
        ([("final", "42", 2), ("corrected", "40", 3), ("entered_in_error", None, None)], None, False),
    ],
)
def test_transitions(
    arrivals: list[tuple[str, str | None, int | None]], counts: str | None, conflict: bool
) -> None:
    found = current([report(*a) for a in arrivals])
    assert (found.current.number if found.current else None) == counts
    assert found.conflict is conflict


REPORTS = st.builds(
    Report,
    status=st.sampled_from(sorted(RANK)),
    number=st.sampled_from(["40", "41", "42"]),
    hour=st.sampled_from([None, 1, 2, 3]),
    arrival=st.integers(0, 2),
)


@given(st.lists(REPORTS, min_size=1, max_size=7), st.data())
def test_order_and_repetition_of_arrivals_do_not_matter(reports: list[Report], draw: st.DataObject) -> None:
    again = draw.draw(st.lists(st.sampled_from(reports), max_size=5))
    shuffled = draw.draw(st.permutations([*reports, *again]))
    assert current(shuffled) == current(reports)


@given(st.lists(REPORTS, min_size=1, max_size=7))
def test_nothing_is_lost_and_nothing_is_invented(reports: list[Report]) -> None:
    found = current(reports)
    kept = [*found.former, *([found.current] if found.current else [])]
    assert {r.content_hash for r in kept} == {r.content_hash for r in reports}
    assert len(kept) == len({r.content_hash for r in reports})
    assert found.current is None or found.current.status in (
        "preliminary", "final", "corrected", "amended"
    )  # fmt: skip


@given(st.lists(REPORTS, min_size=1, max_size=7))
def test_what_counts_stands_on_the_last_correction_or_retraction(reports: list[Report]) -> None:
    """After the newest retraction only a later final report counts, and never an earlier value."""
    found = current(reports)
    ended = [r for r in reports if r.status == "entered_in_error" and r.reported_at]
    if not ended or found.current is None:
        return
    if found.current.reported_at is None and found.current.status in ("corrected", "amended"):
        return  # a correction without a time follows everything that it can be about
    last = max((r.reported_at or r.collected_at) for r in ended)
    assert (found.current.reported_at or found.current.collected_at) >= last


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    number: int
    after: int | None = None
    retracted: bool = False
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", uuid5(NAMESPACE_OID, str(self.number)))

    @property
    def supersedes(self) -> UUID | None:
        return None if self.after is None else uuid5(NAMESPACE_OID, str(self.after))


def test_a_superseding_fact_takes_the_place_of_the_older_one() -> None:
    facts = [Fact(number=1), Fact(number=2, after=1), Fact(number=3, after=2), Fact(number=4)]
    assert [f.number for f in active_facts(facts)] == [3, 4]
    assert {f.number for f in active_facts(reversed(facts))} == {3, 4}


def test_a_retraction_takes_the_older_fact_away_with_it() -> None:
    assert active_facts([Fact(number=1), Fact(number=2, after=1, retracted=True)]) == []


def test_before_the_retraction_was_known_the_fact_still_counts() -> None:
    assert [f.number for f in active_facts([Fact(number=1)])] == [1]


PATIENT = uuid5(NAMESPACE_OID, "patient")


def test_one_result_keeps_its_identity_over_versions() -> None:
    def name(source_id: str, assay: str = "", collected: datetime = START) -> UUID:
        return keys.lineage(PATIENT, "lab", source_id, "ALT", assay, collected)

    assert name("A1") == name("A1", collected=START + timedelta(hours=1))
    assert name("A1") != name("A2")
    assert name("") == name("")
    assert len({name(""), name("", assay="x"), name("", collected=START + timedelta(minutes=1))}) == 3
    assert name("A1") != keys.lineage(uuid5(NAMESPACE_OID, "other"), "lab", "A1", "ALT", "", START)


def test_equal_numbers_written_differently_are_one_content() -> None:
    assert keys.content_hash([Decimal("72.50"), "kg"]) == keys.content_hash([Decimal("72.5"), "kg"])
    assert keys.content_hash([Decimal("100")]) == keys.content_hash([Decimal("1E+2")])
    assert keys.content_hash(["a", "b"]) != keys.content_hash(["ab", ""])
