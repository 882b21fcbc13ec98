"""Laboratory files and what is left of them on the desk, made through the import service only."""

from __future__ import annotations

import io
from typing import Any

from patients.models import QuarantineItem, Source
from patients.services import sites
from workflow.services import imports

HEAD = "mrn,family_name,birth_date,loinc,code,value,unit,collected_at"
ALT, AST = "1742-6", "1920-8"


def make_source(site: Any, code: str = "lab", **more: Any) -> Source:
    return sites.create_source(code=code, site=site, **more)


def row(
    code: str, value: str = "31", unit: str = "U/L", who: str = "M1,Muster,1985-05-17", day: int = 3
) -> str:
    """One line of a table: a LOINC code, or a code of the laboratory's own."""
    codes = f"{code}," if code in (ALT, AST) else f",{code}"
    return f"{who},{codes},{value},{unit},2026-11-{day:02d}"


def csv_of(*rows: str) -> bytes:
    """A table of rows under the public field names."""
    return "\n".join([HEAD, *rows, ""]).encode()


def take(source: Source, data: bytes, name: str = "results.csv", **more: Any) -> imports.Report:
    """Imports a file of a source and reports what became of it."""
    inbound = imports.keep(
        name=name, stream=io.BytesIO(data), site=source.site_id, source=source, by="test", **more
    )
    return imports.run(inbound=inbound)


def waiting(**only: Any) -> QuarantineItem:
    """The first waiting item."""
    return QuarantineItem.objects.filter(state="waiting", **only).order_by("received_at", "pk")[0]


def oru(patient: Any, control: str, value: str) -> bytes:
    """One HL7 message of two results: ALT as LOINC, and a test under the laboratory's own code."""
    born = f"{patient.birth_date:%Y%m%d}"
    segments = (
        f"MSH|^~\\&|LAB|NORTH|DAYMARK|HTC|20261103101500||ORU^R01|{control}|P|2.5.1",
        f"PID|1||{patient.mrn}^^^NORTH^MR||{patient.family_name}^{patient.given_name}||{born}|M",
        "OBR|1||F100|PANEL^Liver panel^L|||20261103083000",
        f"OBX|1|NM|1742-6^ALT^LN||{value}|U/L|7-45|N|||F|||20261103083000",
        "OBX|2|NM|CH9^Factor IX activity chromogenic^L||41|%|50-150|L|||F|||20261103083000",
        "PID|2||Z999^^^NORTH^MR||Nobody^Nora||19700101|F",
        "OBR|1||F101|PANEL^Liver panel^L|||20261103083000",
        "OBX|1|NM|1742-6^ALT^LN||44|U/L|7-45|N|||F|||20261103083000",
    )
    return "\r".join(segments).encode()
