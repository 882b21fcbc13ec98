"""Whatever arrives, a reader answers with parcels or says that it cannot read; every observation is one item."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patients.readers import fhir_results, files, hl7_results, hl7_values, sheet, table, wire
from patients.readers.envelope import Parcel, Unreadable
from patients.readers.rows import Mapped
from tests.readers.messages import (
    NAB,
    bundle,
    coding,
    delivered,
    json_bytes,
    meant,
    message,
    observation,
    obx,
    parcels,
    patient,
    quantity,
    workbook,
)
from tests.readers.test_tables import COLUMNS, ROW, lines

DISPOSITIONS = {"result", "pending", "promote", "quarantine", "retract", "cancelled", "untracked"}
MESSAGE = message(
    obx(range="7-56", at="20260301080000+0100"), "NTE|1||a\\T\\b", obx("<^1^:^7", kind="SN", code="NAB5^NAb^L", unit=""),
    obx("260385009^Negative^SCT", kind="CE", code="5196-1^HBsAg^LN", unit=""), "SPM|1|||BLD|||||||||||||20260301",
    obx("Leber\\.br\\normal µ", kind="TX", code="US^Liver^L"), obx("more", kind="TX", code="US^Liver^L"),
)  # fmt: skip
RESOURCE = json_bytes(bundle(patient(), observation(
    identifier=[{"system": "urn:lab", "value": "7"}], referenceRange=[{"low": quantity(7), "high": quantity(56)}],
    valueQuantity=quantity(7.5, comparator="<"), code={"coding": [coding("1742-6"), coding("ALT", "L")]},
)))  # fmt: skip
NDJSON = b"\n".join(json_bytes(r) for r in (patient(), observation(), observation(id="o2")))
CSV = (lines(ROW, [ROW[0], '"Mü""l\nler"', *ROW[2:]])).encode()
XLSX = workbook(COLUMNS, ROW, [*ROW[:4], 51.5, *ROW[5:]])
READERS: list[Callable[[bytes], list[Parcel]]] = [
    parcels,
    lambda data: list(hl7_results.read(io.BytesIO(data), NAB)),
    lambda data: list(fhir_results.read(io.BytesIO(data))),
    lambda data: list(fhir_results.read_lines(io.BytesIO(data))),
    lambda data: list(table.read(io.BytesIO(data), Mapped())),
    lambda data: list(sheet.read(io.BytesIO(data), Mapped())),
    delivered,
]


def answered(data: bytes) -> None:
    """Every reader gives parcels or Unreadable, and what it gives can be kept and interpreted."""
    for read in READERS:
        try:
            found = read(data)
        except Unreadable as error:
            assert error.reason and str(error)
            continue
        for parcel in found:
            kept(parcel)


def kept(parcel: Parcel) -> None:
    assert not (parcel.rejected and parcel.items)
    for item in parcel.items:
        told = json.dumps(wire.to_json(item), ensure_ascii=False)
        assert "\\u0000" not in told.replace("\\\\", "")
        told.encode()
        assert wire.from_json(json.loads(told)) == item
        assert meant(item, NAB).disposition in DISPOSITIONS


@given(st.binary(max_size=200))
@example(b"")
def test_any_bytes(data: bytes) -> None:
    answered(data)


@pytest.mark.parametrize(
    "start",
    [
        b"MSH|^~\\&|",
        b"MSH|^~\\&|LIS|LAB|||2026||ORU^R01|1\r",
        b"{",
        b"mrn,analyte,value,collected_at\n",
        b"PK\x03\x04",
    ],
)
@given(data=st.binary(max_size=120))
def test_any_bytes_behind_a_good_beginning(start: bytes, data: bytes) -> None:
    answered(start + data)


@pytest.mark.parametrize("good", [MESSAGE, RESOURCE, NDJSON, CSV], ids=["hl7", "fhir", "ndjson", "csv"])
def test_cut_off_at_every_byte(good: bytes) -> None:
    for end in range(len(good)):
        answered(good[:end])


@pytest.mark.parametrize(
    "good", [MESSAGE, RESOURCE, NDJSON, CSV, XLSX], ids=["hl7", "fhir", "ndjson", "csv", "xlsx"]
)
def test_changed_bytes(good: bytes) -> None:
    """Swapped, overwritten, doubled and left-out bytes; the same ones in every run."""
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            a, b = chance.randrange(len(data)), chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[a], data[b] = data[b], data[a]
                case 1:
                    data[a] = chance.choice(b'\x00\r\n|^~\\&",:{}[]0919-+.\xff\xc3')
                case 2:
                    data[a:a] = data[b : b + chance.randrange(20)]
                case 3:
                    del data[a : a + chance.randrange(20)]
        answered(bytes(data))


@given(cut=st.integers(0, len(XLSX)))
def test_workbooks_cut_off(cut: int) -> None:
    answered(XLSX[:cut])


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                *observation(),
                "valueRatio",
                "valueString",
                "referenceRange",
                "identifier",
                "component",
                "note",
                "performer",
                "contained",
                "issued",
            ]
        ),
        JSON,
        max_size=4,
    )
)
def test_observations_of_any_shape(changes: dict[str, object]) -> None:
    answered(json_bytes(bundle(patient(), {**observation(), **changes})))


FIELDS = st.text(st.sampled_from("01259.<>:-^~&|\\ABFTXu/ \xb5"), max_size=10)
OBX = st.lists(FIELDS, min_size=0, max_size=20).map(
    lambda fields: "|".join(["OBX", *fields]).replace("\r", "")
)


@given(st.lists(OBX, max_size=6))
def test_every_observation_is_one_item(segments: list[str]) -> None:
    found = parcels(message(*segments))[0]
    joined = sum(item.raw.count("OBX|") + (item.raw == "OBX") for item in found.items)
    assert joined == len([s for s in segments if s])
    texts = [s for s in segments if s.split("|")[2:3] and s.split("|")[2].upper() in hl7_values.TEXTS]
    if not texts:
        assert len(found.items) == len(segments)
    kept(found)


@given(
    st.lists(st.sampled_from(["1742-6^ALT^LN", "1920-8^AST^LN", "X^x^L"]), min_size=1, max_size=8),
    st.booleans(),
)
def test_every_numeric_observation_has_an_identity_of_its_own(codes: list[str], numbered: bool) -> None:
    segments = [obx(str(n), code=c, number=str(n) if numbered else "") for n, c in enumerate(codes)]
    found = parcels(message(*segments))[0].items
    assert len({i.source_id for i in found}) == len(codes)
    later = parcels(message(*[s.replace("OBX|", "OBX|9") for s in segments]))[0].items
    assert [i.source_id for i in later] == [i.source_id for i in found]


def test_sniffing_leaves_the_stream_where_it_was() -> None:
    for data in (MESSAGE, RESOURCE, NDJSON, CSV, XLSX):
        stream = io.BytesIO(b"--" + data)
        stream.seek(2)
        files.sniffed(stream)
        assert stream.tell() == 2
