"""Messages of an import that names no source are read by the rules of the source that each sender belongs to."""

from __future__ import annotations

import io
from typing import Any

from patients.models import Site
from patients.services import sites
from tests.factories.people import PatientFactory
from workflow.services import imports


def message(mrn: str, name: str, app: str, number: int) -> str:
    """An ALT value collected at 08:00 without an offset."""
    return "\r".join(
        [
            rf"MSH|^~\&|{app}|LAB|EHR|HTC|20260301090000||ORU^R01|{app}{number}|P|2.5",
            f"PID|1||{mrn}||{name}^Alex",
            f"OBR|1||{app}{number}|24323-8^CMP^LN|||2026030108000{number}",
            f"OBX|1|NM|1742-6^ALT^LN||30|U/L|0-40||||F|||202603{number}10800",
        ]
    )


def test_times_without_offset_are_the_senders(site: Site) -> None:
    patient = PatientFactory(site=site)
    for code, app, zone in (("east", "E", "Europe/Berlin"), ("west", "W", "America/Chicago")):
        sites.create_source(code=code, site=site, sending_app=app, sending_facility="LAB", timezone=zone)
    told = [message(patient.mrn, patient.family_name, app, n) for n, app in ((0, "E"), (1, "W"))]
    text = "\r".join(told).encode()
    named: dict[str, Any] = {"site": site.pk, "source": None, "by": "t"}
    inbound = imports.keep(name="a.hl7", stream=io.BytesIO(text), **named)
    report = imports.run(inbound=inbound, keep_items=9)
    assert [(i["disposition"], i["collected_at"]) for i in report.items] == [
        ("result", "2026-03-01T08:00:00+01:00"),
        ("result", "2026-03-11T08:00:00-05:00"),
    ]
