"""An envelope survives JSON: what waits is read again exactly as it came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from patients.readers import wire
from patients.readers.envelope import Coding, Named, PatientNumber, ResultEnvelope
from tests.readers.messages import PERSON, csv_rows, items, message, observation, obx, one, valued
from tests.readers.test_tables import ROW, lines

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
ZONES = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)
PEOPLE = st.builds(
    Named,
    numbers=st.lists(st.builds(PatientNumber, TEXT, st.lists(TEXT, max_size=3).map(tuple)), max_size=3).map(tuple),
    family_name=TEXT, birth_date=st.none() | st.dates(), sex=TEXT, number_suffices=st.booleans(),
)  # fmt: skip
WHERE = st.dictionaries(TEXT, st.none() | TEXT | st.integers(), max_size=4)
ENVELOPES = st.builds(
    ResultEnvelope,
    **dict.fromkeys(wire.TEXTS, TEXT),
    **{name: st.booleans() for name in wire.FLAGS},
    codings=st.lists(st.builds(Coding, TEXT, TEXT, TEXT), max_size=3).map(tuple),
    span=st.none() | st.tuples(TEXT, TEXT),
    collected=st.none() | st.dates() | MOMENTS,
    reported_at=st.none() | MOMENTS,
    named=PEOPLE,
    barred=st.lists(TEXT, max_size=2).map(tuple),
    faults=st.lists(TEXT, max_size=2).map(tuple),
    where=WHERE,
)


def again(envelope: ResultEnvelope) -> ResultEnvelope:
    return wire.from_json(json.loads(json.dumps(wire.to_json(envelope))))


@given(ENVELOPES)
def test_any_envelope(envelope: ResultEnvelope) -> None:
    assert again(envelope) == envelope


@given(ENVELOPES)
def test_a_value_that_speaks_for_itself(envelope: ResultEnvelope) -> None:
    silent = ResultEnvelope(**{n: getattr(envelope, n) for n in envelope.__slots__} | {"spoken": None})
    assert again(silent).spoken is None


def test_every_field_is_on_the_wire() -> None:
    assert set(wire.to_json(ResultEnvelope())) == set(ResultEnvelope.__slots__)


def test_envelopes_of_every_reader() -> None:
    found = [
        *items(message(obx(at="20260301"), obx("<^10", kind="SN"), obx("10^20", kind="NR"), person=PERSON)),
        one(observation()), one(valued(valueString="<10")), *csv_rows(lines(ROW)),
    ]  # fmt: skip
    for envelope in found:
        assert again(envelope) == envelope
        assert again(envelope).collected == envelope.collected


def test_an_instant_and_a_date_stay_what_they_are() -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert again(ResultEnvelope(collected=midnight)).collected == midnight
    assert type(again(ResultEnvelope(collected=midnight.date())).collected) is type(midnight.date())
