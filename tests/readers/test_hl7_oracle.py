"""A second reader of HL7, python-hl7, must see the same segments, fields, components and texts."""

from __future__ import annotations

import hl7 as oracle
from hypothesis import given
from hypothesis import strategies as st

from patients.readers import hl7
from tests.readers.messages import ORDER, PERSON, message, obx

ESCAPES = {"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\\": "\\E\\"}
PLAIN = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Zs", "Cs"))
TEXT = st.text(PLAIN, max_size=8)
FIELD = st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=3)
SEGMENT = st.tuples(st.from_regex(r"Z[A-Z][A-Z0-9]", fullmatch=True), st.lists(FIELD, min_size=1, max_size=6))


def escaped(text: str) -> str:
    return "".join(ESCAPES.get(c, c) for c in text)


def written(segment: tuple[str, list[list[list[str]]]]) -> str:
    name, fields = segment
    told = ["~".join("^".join(map(escaped, rep)) for rep in field) for field in fields]
    return "|".join([name, *told])


@given(st.lists(SEGMENT, max_size=5))
def test_both_readers_agree(segments: list[tuple[str, list[list[list[str]]]]]) -> None:
    data = message(obx(), *map(written, segments))
    ours, theirs = hl7.parse(data.rstrip(b"\r")), oracle.parse(data.decode())
    assert [s.name for s in ours.segments] == [str(s[0]) for s in theirs]
    for mine, other in zip(ours.segments, theirs, strict=True):
        assert len(mine.fields) == len(other)
        for n in range(3 if mine.name == "MSH" else 1, len(mine.fields)):
            assert mine.fields[n] == str(other[n])
            assert told(mine, n) == heard(theirs, other, n)


def told(segment: hl7.Segment, n: int) -> list[list[str]]:
    return [segment.split(text) for text in segment.fields[n].split("~")]


def heard(whole: oracle.Message, segment: oracle.Segment, n: int) -> list[list[str]]:
    """Repetitions of components, unescaped, as python-hl7 has them."""
    reps = segment[n] if isinstance(segment[n], oracle.Field) else [segment[n]]
    return [
        [whole.unescape(str(part)).strip() for part in (rep if isinstance(rep, oracle.Repetition) else [rep])]
        for rep in reps
    ]


@given(FIELD)
def test_what_is_written_is_read_back(field: list[list[str]]) -> None:
    segment = hl7.parse(message(written(("ZZZ", [field])), order="", person="").rstrip(b"\r")).segments[1]
    assert told(segment, 1) == field


def test_a_typical_message() -> None:
    data = message(obx(range="7-56"), obx("<^10", kind="SN", code="1920-8^AST^LN"))
    theirs, ours = oracle.parse(data.decode()), hl7.parse(data.rstrip(b"\r"))
    assert [s.raw for s in ours.segments] == [str(s) for s in theirs]
    assert theirs.extract_field("PID", 1, 3, 1, 1) == ours.segments[1].component(3, 1) == "4711"
    assert theirs.extract_field("OBX", 2, 5, 1, 2) == ours.segments[4].component(5, 2) == "10"
    assert [s.raw for s in ours.segments[1:3]] == [PERSON, ORDER]
