"""Messages, resources and tables made by hand, and the readers called on bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from openpyxl import Workbook

from patients.data import catalog
from patients.readers import fhir_results, files, hl7_results, sheet, table
from patients.readers.envelope import Parcel, ResultEnvelope
from patients.readers.files import Delivery
from patients.readers.interpret import Interpreted, interpret
from patients.readers.rows import Mapped
from patients.rules.codemaps import Meaning, SourceRules

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BORN = date(1985, 5, 17)
PLAIN = SourceRules()
NAB = SourceRules(
    meanings={
        ("L", "NAB5", ""): Meaning(analyte="AAV5_NAB", assay="clinical-study"),
        ("L", "CH9", ""): Meaning(analyte="FIX_CH", assay="mayo"),
        ("L", "GLU", ""): Meaning(analyte="UNTRACKED"),
        ("L", "ALTN", "nkat/L"): Meaning(analyte="ALT", factor=Decimal("0.06")),
        ("L", "HBSI", ""): Meaning(analyte="HBSAG", value_rule="cutoff:1.0"),
    }
)
HEADER = "MSH|^~\\&|LIS|LAB|DAYMARK|SITE|20260301120000+0000||ORU^R01^ORU_R01|M1|P|2.5.1"
PERSON = "PID|1||4711^^^HOSP^MR||Doe^Jane||19850517|F"
ORDER = "OBR|1||F100^LAB|PANEL^Liver^L|||20260301080000+0000"


def obx(value: str = "51", **fields: Any) -> str:
    """One OBX of ALT; keywords are kind, code, sub, unit, range, flag, status, at, reported, number."""
    row = {
        1: fields.get("number", "1"), 2: fields.get("kind", "NM"), 3: fields.get("code", "1742-6^ALT^LN"),
        4: fields.get("sub", ""), 5: value, 6: fields.get("unit", "U/L"), 7: fields.get("range", ""),
        8: fields.get("flag", ""), 11: fields.get("status", "F"), 14: fields.get("at", ""),
        17: fields.get("method", ""), 19: fields.get("reported", ""),
    }  # fmt: skip
    return "OBX|" + "|".join(row.get(n, "") for n in range(1, 20))


def message(*segments: str, header: str = HEADER, person: str = PERSON, order: str = ORDER) -> bytes:
    """A message in UTF-8 with CR line ends; empty texts leave a segment out."""
    return ("\r".join(s for s in (header, person, order, *segments) if s) + "\r").encode()


def charset(name: str) -> str:
    """The header with MSH-18."""
    return f"{HEADER}||||||{name}"


def parcels(data: bytes, rules: SourceRules = PLAIN) -> list[Parcel]:
    return list(hl7_results.read(io.BytesIO(data), rules))


def items(data: bytes, rules: SourceRules = PLAIN) -> list[ResultEnvelope]:
    return [item for parcel in parcels(data, rules) for item in parcel.items]


def item(data: bytes, rules: SourceRules = PLAIN) -> ResultEnvelope:
    found = items(data, rules)
    assert len(found) == 1
    return found[0]


def meant(envelope: ResultEnvelope, rules: SourceRules = PLAIN, **more: Any) -> Interpreted:
    return interpret(envelope, catalog(), now=NOW, rules=rules, born=BORN, **more)


def judged(data: bytes, rules: SourceRules = PLAIN) -> Interpreted:
    """The one item of a message, interpreted."""
    return meant(item(data, rules), rules)


def patient(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "urn:mrn", "value": "4711"}],
        "name": [{"family": "Doe", "given": ["Jane"]}],
        "birthDate": "1985-05-17",
        "gender": "female",
    } | changes


def coding(code: str, system: str = "http://loinc.org", display: str = "") -> dict[str, Any]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def quantity(value: Any, unit: str = "U/L", **more: Any) -> dict[str, Any]:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": unit} | more


def observation(**changes: Any) -> dict[str, Any]:
    """A final ALT of 51 U/L; a change of None leaves the element out."""
    plain = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "category": [
            {"coding": [coding("laboratory", "http://terminology.hl7.org/CodeSystem/observation-category")]}
        ],
        "code": {"coding": [coding("1742-6", display="ALT")], "text": "ALT"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-01T08:00:00Z",
        "valueQuantity": quantity(51),
    }
    return {name: held for name, held in (plain | changes).items() if held is not None}


def valued(**value: Any) -> dict[str, Any]:
    """An observation with another value[x]."""
    return observation(**{"valueQuantity": None, **value})


def bundle(*resources: Mapping[str, Any], urls: Sequence[str] = ()) -> dict[str, Any]:
    entries = [{"resource": r} | ({"fullUrl": u} if u else {}) for r, u in zip_longest(resources, urls)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def json_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def fhir(data: bytes) -> list[ResultEnvelope]:
    return [i for p in fhir_results.read(io.BytesIO(data)) for i in p.items]


def one(resource: Mapping[str, Any], *others: Mapping[str, Any]) -> ResultEnvelope:
    """The one item of a bundle with the patient and a resource."""
    found = fhir(json_bytes(bundle(patient(), *others, resource)))
    assert len(found) == 1
    return found[0]


def ndjson(data: bytes) -> list[Parcel]:
    return list(fhir_results.read_lines(io.BytesIO(data)))


def csv_rows(text: str | bytes, mapping: Mapped | None = None) -> list[ResultEnvelope]:
    data = text.encode() if isinstance(text, str) else text
    return [i for p in table.read(io.BytesIO(data), mapping or Mapped()) for i in p.items]


def workbook(*rows: Sequence[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def sheet_rows(data: bytes, mapping: Mapped | None = None, decimal: str = ".") -> list[ResultEnvelope]:
    return [i for p in sheet.read(io.BytesIO(data), mapping or Mapped(), decimal) for i in p.items]


def delivered(data: bytes, rules: SourceRules = PLAIN) -> list[Parcel]:
    """A file of any kind, read as intake reads it."""
    stream = io.BytesIO(data)
    return list(files.parcels(stream, files.sniffed(stream), Delivery(rules, Mapped())))
