"""Which format a file has is told by its content, whatever it is called."""

from __future__ import annotations

import io

import pytest

from patients.readers import files, sheet
from patients.readers.envelope import Unreadable
from tests.readers.messages import bundle, delivered, json_bytes, message, observation, obx, patient, workbook
from tests.readers.test_tables import COLUMNS, ROW, lines

ONE = json_bytes(observation())
PRETTY = b'{\n  "resourceType": "Observation",\n  "subject":\n{"reference": "x"}\n}'


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (message(obx()), "hl7v2"), (b"\x0b" + message(obx()), "hl7v2"), (b"\xef\xbb\xbf\r\n" + message(obx()), "hl7v2"),
        (b"FHS|^~\\&|x\r" + message(obx()), "hl7v2"), (b"BHS|^~\\&|x\r" + message(obx()), "hl7v2"), (b"MSH", "hl7v2"),
        (ONE, "fhir"), (b"\n\n" + ONE + b"\n", "fhir"), (PRETTY, "fhir"), (b"{", "fhir"), (b"\xef\xbb\xbf" + ONE, "fhir"),
        (ONE + b"\n" + ONE, "ndjson"), (ONE + b"\r\n\r\n" + ONE + b"\r\n", "ndjson"), (b"\xef\xbb\xbf" + ONE + b"\n" + ONE, "ndjson"),
        (ONE[:-4] + b"\n" + ONE, "ndjson"), (ONE + b"\n" + ONE[:-4], "ndjson"), (ONE + b"\n[" * 9, "ndjson"),
        (json_bytes(bundle(patient(), observation())), "fhir"), (workbook(COLUMNS, ROW), "xlsx"), (sheet.OLE + b"rest", "xlsx"),
        (lines(ROW).encode(), "csv"), (lines(ROW).encode("utf-16"), "csv"), (b"\xef\xbb\xbf" + lines(ROW).encode(), "csv"),
        (lines(ROW).replace("Doe", "M\xfcller").encode("cp1252"), "csv"), (lines(ROW).encode() + b"\x00", "csv"), (b"hello", "csv"),
    ],
)  # fmt: skip
def test_the_format(data: bytes, form: str) -> None:
    stream = io.BytesIO(data)
    assert files.sniffed(stream) == form
    assert stream.tell() == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"), (b"\r\n \x0b", "unreadable"), (b"%PDF-1.7\n%\xe2\xe3", "unknown-format"), (b"[]", "unknown-format"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "unknown-format"), (b"\xff\xd8\xff\xe0\x00\x10JFIF", "unknown-format"),
        (b"\x1f\x8b\x08\x00", "unknown-format"), (bytes(range(1, 256)) * 9, "unknown-format"),
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", "unknown-format"), (b"<!DOCTYPE html>", "unknown-format"),
    ],
)  # fmt: skip
def test_what_is_in_no_format(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        files.sniffed(io.BytesIO(data))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "data", [message(obx()), ONE, ONE + b"\n" + ONE, lines(ROW).encode(), workbook(COLUMNS, ROW)]
)
def test_every_format_is_read(data: bytes) -> None:
    assert {i.value for p in delivered(data) for i in p.items} == {"51"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"{", "unreadable"), (b"hello", "bad-header"), (sheet.OLE + b"rest", "unknown-format"), (b"MSH", ""), (PRETTY[:-1], "unreadable")],
)  # fmt: skip
def test_the_reader_says_why_it_cannot_read(data: bytes, reason: str) -> None:
    if not reason:
        assert [p.rejected for p in delivered(data)] == [True]
        return
    with pytest.raises(Unreadable) as error:
        delivered(data)
    assert error.value.reason == reason
