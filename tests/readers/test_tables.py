"""CSV and XLSX: separators, character sets, column maps, cells of every kind, and files that are refused."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook

from patients.readers import sheet, table
from patients.readers.envelope import Unreadable
from patients.readers.rows import Mapped
from patients.rules.codemaps import SourceRules
from tests.readers.messages import csv_rows, meant, saved, sheet_rows, workbook

COLUMNS = ["mrn", "family_name", "birth_date", "loinc", "value", "unit", "collected_at"]
ROW = ["4711", "Doe", "1985-05-17", "1742-6", "51", "U/L", "2026-03-01T08:00:00Z"]
EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def lines(*rows: list[str], by: str = ",") -> str:
    return "\r\n".join(by.join(row) for row in [COLUMNS, *rows]) + "\r\n"


def cell(name: str, text: str) -> str:
    """A table of one row in which one cell has another text."""
    changed = [text if c == name else t for c, t in zip(COLUMNS, ROW, strict=True)]
    return lines(changed)


def refused(read: Any, data: Any) -> str:
    with pytest.raises(Unreadable) as error:
        read(data)
    return error.value.reason


def test_a_plain_row() -> None:
    found = meant(csv_rows(lines(ROW))[0])
    envelope = found.envelope
    assert (found.disposition, found.analyte, found.number, envelope.collected) == (
        "result",
        "ALT",
        Decimal(51),
        EIGHT,
    )
    assert (envelope.named.numbers[0].value, envelope.named.family_name) == ("4711", "Doe")
    assert (envelope.named.birth_date, envelope.where, envelope.raw) == (
        date(1985, 5, 17),
        {"row": 1},
        ",".join(ROW),
    )
    assert not envelope.named.number_suffices


@pytest.mark.parametrize("by", [",", ";", "\t", "|"])
def test_separators(by: str) -> None:
    assert csv_rows(lines(ROW, by=by))[0].value == "51"
    assert csv_rows(f"sep={by}\r\n" + lines(ROW, by=by))[0].value == "51"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_blank_lines(end: str) -> None:
    text = "\r\n".join(["", lines(ROW, ROW).rstrip(), "", ",,,", *[",".join(ROW)]]).replace("\r\n", end)
    assert [i.where["row"] for i in csv_rows(text)] == [1, 2, 5]
    assert len(csv_rows(text + end)) == 3


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_character_sets(codec: str) -> None:
    data = lines([ROW[0], "Müller", *ROW[2:]]).encode(codec)
    data = b"\xff\xfe" + data if codec == "utf-16-le" else data
    assert csv_rows(data)[0].named.family_name == "Müller"


def test_a_cut_off_utf_16_file() -> None:
    data = lines(ROW, ROW).encode("utf-16")
    assert len(csv_rows(data[:-5])) == 2
    assert len(csv_rows(data + b"\x00\xd8")) >= 2


def test_a_broken_letter_late_in_a_large_file() -> None:
    data = lines(*[ROW] * 20_000).encode() + ",".join([ROW[0], "Müller", *ROW[2:]]).encode("cp1252")
    found = csv_rows(data)
    assert (len(found), found[-1].named.family_name) == (20_001, "Müller")


def test_quoted_cells() -> None:
    quoted = [ROW[0], '"Doe\r\n""Jane"", jr"', *ROW[2:]]
    found = csv_rows(lines(quoted, ROW))
    assert [i.named.family_name for i in found] == ['Doe\r\n"Jane", jr', "Doe"]
    assert len({i.source_id for i in found}) == 1


def test_short_and_long_rows() -> None:
    found = csv_rows(lines(ROW[:5], [*ROW, "", "more"], ROW[:1]))
    assert [meant(i).reason for i in found] == ["unit-unknown", "", "unmapped-code"]


@pytest.mark.parametrize(
    ("name", "text", "disposition", "reason"),
    [
        ("value", "", "pending", ""), ("value", "#N/A", "quarantine", "value-unparseable"), ("value", "=1+1", "quarantine", "value-unparseable"),
        ("value", "n/a", "pending", ""), ("value", "<10", "result", ""), ("value", '"1,5"', "quarantine", "value-unparseable"),
        ("value", "051", "result", ""), ("collected_at", "", "quarantine", "bad-timestamp"), ("collected_at", "#N/A", "quarantine", "bad-timestamp"),
        ("collected_at", "01.03.2026", "quarantine", "bad-timestamp"), ("collected_at", "2026-03-01", "result", ""),
        ("collected_at", "2026-03-01 08:00", "result", ""), ("collected_at", "20260301", "result", ""),
        ("collected_at", "2026-W09", "quarantine", "bad-timestamp"), ("collected_at", "2026-W09-7", "quarantine", "bad-timestamp"),
        ("collected_at", "46082", "quarantine", "bad-timestamp"), ("collected_at", "2027-01-01", "quarantine", "future-timestamp"),
        ("loinc", "1742-5", "quarantine", "unmapped-code"), ("loinc", "2345-7", "untracked", ""), ("loinc", "", "quarantine", "unmapped-code"),
        ("unit", "furlong", "quarantine", "unit-unknown"), ("unit", "", "quarantine", "unit-unknown"), ("birth_date", "1985", "result", ""),
    ],
)  # fmt: skip
def test_cells(name: str, text: str, disposition: str, reason: str) -> None:
    found = meant(csv_rows(cell(name, text))[0])
    assert (found.disposition, found.reason) == (disposition, reason)


def test_every_public_field() -> None:
    head = "mrn,analyte,value,unit,collected_at,reported_at,reference_low,reference_high,assay,lab,status,source_id"
    row = "4711, fix_ch ,31.60,%,2026-03-01T08:00:00Z,2026-03-02T08:00:00Z,5,150,mayo,Central,corrected,X9"
    found = meant(csv_rows(f"{head}\n{row}\n")[0])
    envelope = found.envelope
    assert (found.analyte, found.status, found.low, found.high) == (
        "FIX_CH",
        "corrected",
        Decimal(5),
        Decimal(150),
    )
    assert (envelope.assay, envelope.lab, envelope.source_id, envelope.value) == (
        "mayo",
        "Central",
        "X9",
        "31.60",
    )
    assert envelope.reported_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(("low", "high"), [("70_105", "1e3"), ("10", "NaN"), ("56", "7"), ("-", "none")])
def test_limits_that_are_no_numbers(low: str, high: str) -> None:
    text = f"mrn,analyte,value,unit,collected_at,reference_low,reference_high\n4711,ALT,51,U/L,2026-03-01,{low},{high}"
    found = meant(csv_rows(text)[0])
    assert (found.disposition, found.high) == ("result", None)


def test_local_codes() -> None:
    found = csv_rows(
        "mrn,code,loinc,system,value,collected_at\n1,X,1742-6,L,5,2026-03-01\n1,1742-6,,LN,5,2026-03-01\n"
    )
    assert [[(c.system, c.code) for c in i.codings] for i in found] == [
        [("http://loinc.org", "1742-6"), ("L", "X")], [("http://loinc.org", "1742-6")],
    ]  # fmt: skip


GERMAN = Mapped(
    columns={"mrn": "Patient", "code": "Test", "value": "Wert", "unit": "Einheit", "collected_at": "Entnahme"},
    constants={"lab": "Zentral", "unit": "mg/dL", "system": "L"},
    date_formats=("%d.%m.%Y %H:%M", "%d.%m.%Y"), decimal=",", timezone="Europe/Berlin", key=("mrn", "code"),
)  # fmt: skip


def test_a_column_map() -> None:
    text = "Nr;Patient;Test;Wert;Einheit;Entnahme\n1;4711;BILI;1,2;;01.03.2026 09:00\n2;4711;BILI;1,3;umol/L;01.03.2026\n"
    first, second = csv_rows(text, GERMAN)
    assert (first.collected, first.lab, first.unit, first.decimal) == (EIGHT, "Zentral", "mg/dL", ",")
    assert (second.collected, second.unit) == (date(2026, 3, 1), "umol/L")
    assert first.source_id == second.source_id
    found = meant(
        first.__class__(
            **{n: getattr(first, n) for n in first.__slots__} | {"analyte": "TBIL", "codings": ()}
        )
    )
    assert found.number == Decimal("1.2")


def test_the_identity_of_a_row() -> None:
    keys = [
        csv_rows(cell(n, t))[0].source_id
        for n, t in [("value", "51"), ("value", "52"), ("mrn", "9"), ("collected_at", "2026-03-02")]
    ]
    assert keys[0] == keys[1] and len(set(keys)) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad-header"), ("\n\n", "bad-header"), (",,,\n", "bad-header"), ("a,b\n1,2", "bad-header"),
        ("mrn,value,collected_at\n", "bad-header"), ("mrn,analyte,value\n", "bad-header"),
        ("mrn,analyte,value,value,collected_at\n", "bad-header"), (lines(ROW).replace("51", "5\x001"), "unreadable"),
        (lines(['"4711'] + ROW[1:]), "unreadable"), (lines(['"47"11'] + ROW[1:]), "unreadable"),
        (cell("value", "x" * 33_000), "too-large"), (cell("value", '"' + "x" * 200_000 + '"'), "too-large"),
        (",".join(f"c{n}" for n in range(10_000)) + "\n", "too-large"), ("x" * 3_000_000, "too-large"),
        (cell("value", '"' + "x\n" * 100_000 + '"'), "too-large"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(text: str, reason: str) -> None:
    assert refused(csv_rows, text) == reason


def test_a_cell_just_small_enough() -> None:
    assert meant(csv_rows(cell("value", "x" * 32_768))[0]).reason == "value-unparseable"


def test_more_than_a_million_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patients.readers.rows.MAX_ROWS", 3)
    assert len(csv_rows(lines(ROW, ROW, ROW))) == 3
    assert refused(csv_rows, lines(ROW, ROW, ROW, ROW)) == "too-large"


def test_the_file_is_still_open_afterwards() -> None:
    stream = io.BytesIO(lines(ROW).encode())
    list(table.read(stream, Mapped()))
    assert not stream.closed


def test_a_workbook_like_the_table() -> None:
    row: list[Any] = [4711, "Doe", date(1985, 5, 17), "1742-6", 51, "U/L", datetime(2026, 3, 1, 8)]
    found = sheet_rows(workbook(COLUMNS, row))[0]
    assert (found.value, found.named.numbers[0].value, found.collected) == ("51", "4711", EIGHT)
    assert (found.named.birth_date, found.where) == (date(1985, 5, 17), {"row": 1})
    assert meant(found).disposition == "result"
    assert found.source_id == csv_rows(lines([*ROW[:6], "2026-03-01T08:00:00"]))[0].source_id


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (27, "27"), (27.0, "27"), (72.5, "72.5"), (0.1 + 0.2, "0.3"), (1e-5, "0.00001"), (1e20, "100000000000000000000"),
        (123456789012345, "123456789012345"), (-0.5, "-0.5"), (True, "TRUE"), ("<10", "<10"), ("27.0", "27.0"), (None, ""),
        ("=1+1", ""), ("a\nb", "a\nb"), ("  51 ", "51"), ("_x0000_", "�"),
    ],
)  # fmt: skip
def test_cells_of_a_workbook(held: Any, text: str) -> None:
    found = sheet_rows(workbook(COLUMNS, [*ROW[:4], held, *ROW[5:]]))[0]
    assert found.value in (text, "_x0000_")
    assert "\x00" not in found.raw


def test_an_error_in_a_cell_is_no_missing_value() -> None:
    book = Workbook()
    book.active.append(COLUMNS)
    book.active.append(ROW)
    book.active["E2"].value, book.active["E2"].data_type = "#N/A", "e"
    found = meant(sheet_rows(saved(book))[0])
    assert (found.disposition, found.reason) == ("quarantine", "value-unparseable")


def test_dates_and_times_of_a_workbook() -> None:
    for held, collected in [
        (datetime(2026, 3, 1, 8, 20, 40), datetime(2026, 3, 1, 8, 20, 40, tzinfo=UTC)), (date(2026, 3, 1), date(2026, 3, 1)),
        ("2026-03-01", date(2026, 3, 1)), ("2026-03-01T09:00:00+01:00", EIGHT),
    ]:  # fmt: skip
        assert sheet_rows(workbook(COLUMNS, [*ROW[:6], held]))[0].collected == collected


def test_the_decimal_sign_of_numbers_follows_the_source() -> None:
    data = workbook(COLUMNS, [*ROW[:4], 1.5, *ROW[5:]])
    found = meant(sheet_rows(data, decimal=",")[0], SourceRules(decimal=","))
    assert (found.envelope.value, found.number) == ("1,5", Decimal("1.5"))


def test_the_first_sheet_that_is_shown() -> None:
    book = Workbook()
    book.active.append(["something", "else"])
    book.active.sheet_state = "hidden"
    second = book.create_sheet("results")
    for row in (COLUMNS, ROW):
        second.append(row)
    assert len(sheet_rows(saved(book))) == 1


def test_a_sheet_that_begins_further_down() -> None:
    book = Workbook()
    for x, (name, text) in enumerate(zip(COLUMNS, ROW, strict=True), start=3):
        book.active.cell(5, x, name)
        book.active.cell(6, x, text)
        book.active.cell(8, x, text)
    assert [i.value for i in sheet_rows(saved(book))] == ["51", "51"]


def repacked(data: bytes, **parts: bytes) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(
                part.filename, parts.get(part.filename.rsplit("/", 1)[-1].split(".")[0], old.read(part))
            )
    return kept.getvalue()


def forged(data: bytes, size: int) -> bytes:
    """The archive whose directory claims a size for its largest part that is not true."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        true = max(p.file_size for p in archive.infolist())
    return data.replace(true.to_bytes(4, "little"), size.to_bytes(4, "little"))


GOOD = workbook(COLUMNS, ROW)


def test_a_zip_bomb() -> None:
    bomb = repacked(GOOD, sheet1=b"<worksheet>" + b" " * (20 << 20) + b"</worksheet>")
    begin = time.process_time()
    assert refused(sheet_rows, bomb) == "too-large"
    assert time.process_time() - begin < 1


def test_a_zip_bomb_that_lies() -> None:
    bomb = repacked(GOOD, sheet1=b"<worksheet>" + b" " * (20 << 20) + b"</worksheet>")
    assert refused(sheet_rows, forged(bomb, 1000)) == "unreadable"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sheet.OLE + b"\xa1\xb1\x1a\xe1" + b"\x00" * 600 + sheet.ENCRYPTED, "encrypted"),
        (sheet.OLE + b"\xa1\xb1\x1a\xe1" + b"\x00" * 600 + "Workbook".encode("utf-16-le"), "unknown-format"),
        (b"PK\x03\x04", "unreadable"),
        (GOOD[:-30], "unreadable"),
        (GOOD[:500], "unreadable"),
        (repacked(GOOD, sheet1=b"no xml <"), "unreadable"),
        (repacked(GOOD, workbook=b""), "unreadable"),
        (repacked(GOOD, sheet1=b""), "unreadable"),
        (workbook(), "bad-header"),
        (workbook(["a"], ["b"]), "bad-header"),
        (workbook([f"c{n}" for n in range(1100)]), "too-large"),
        (workbook(COLUMNS, [*ROW[:4], "x" * 32_767, *ROW[5:]], [*ROW[:1], "y" * 10]), ""),
    ],
)  # fmt: skip
def test_workbooks_that_are_refused(data: bytes, reason: str) -> None:
    if not reason:
        assert len(sheet_rows(data)) == 2
        return
    assert refused(sheet_rows, data) == reason


def test_a_workbook_with_a_password_in_the_zip_way() -> None:
    data = bytearray(GOOD)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + at] |= 1
            place = data.find(mark, place + 1)
    assert refused(sheet_rows, bytes(data)) == "encrypted"


def test_an_archive_that_is_no_workbook() -> None:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refused(sheet_rows, kept.getvalue()) == "unknown-format"


def test_a_workbook_of_more_than_50_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_PACKED", 100)
    assert refused(sheet_rows, GOOD) == "too-large"
