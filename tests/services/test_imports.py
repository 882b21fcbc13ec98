"""Imports as a service: any order and repetition, cut off and taken up again, many items in the background."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from patients.models import Inbound, InboundItem, Patient, QuarantineItem, Result, ResultHead, Site, Source
from patients.services.sites import create_source
from tests.factories.messages import alt, oru
from tests.factories.people import PatientFactory
from workflow.models import Pathway
from workflow.selectors.drift import drift
from workflow.services import desk, imports, intake

AT = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def source(site: Site) -> Source:
    return create_source(code="lab", site=site)


@pytest.fixture
def patient(site: Site) -> Patient:
    return PatientFactory(site=site, at=datetime(2027, 1, 1, tzinfo=UTC), mrn="N-1", family_name="Muster")


def take(source: Source, data: bytes, **more: Any) -> imports.Report:
    kept = imports.keep(
        name="f", stream=io.BytesIO(data), site=source.site_id, source=source, by="t", at=AT, **more
    )
    return imports.run(inbound=kept, at=AT)


def active(patient: Patient) -> list[tuple[Any, ...]]:
    heads = ResultHead.objects.filter(patient_id=patient.pk, active=True, suspect=False)
    rows = Result.objects.filter(pk__in=heads.values("result"))
    return sorted((r.analyte, r.collected_at, r.comparator, r.value, r.code, r.status) for r in rows)


def message(n: int, text: str, *, sent: int, filler: str = "F1", day: int = 20) -> bytes:
    return oru(text, control=f"C{n}", filler=filler, at=f"202702{day}081500", sent=f"202702{sent}120000")


MESSAGES = [
    message(1, alt("45", status="P"), sent=20),
    message(2, alt("46"), sent=21),
    message(3, alt("60", status="C"), sent=23),
    message(4, alt("50"), sent=20, filler="F2", day=21),
    message(5, alt("", status="D"), sent=22, filler="F2", day=21),
    message(6, alt("30"), sent=20, filler="F3", day=22),
    message(7, alt("30"), sent=21, filler="F4", day=22),
    message(8, alt("", status="D"), sent=24, filler="F3", day=22),
    message(9, alt("70"), sent=20, filler="F5", day=23),
    message(10, alt("71"), sent=22, filler="F5", day=23),
    message(11, alt("80", status="P"), sent=20, filler="F6", day=24),
    message(12, alt("", status="U"), sent=21, filler="F6", day=24),
    message(13, "SN|NAB^AAV5^L||^1^:^21||||||F", sent=20, filler="F7", day=25),
    message(14, "SN|NAB^AAV5^L||||||||D", sent=22, filler="F8", day=25),
    message(15, "SN|NAB^AAV5^L||^1^:^40||||||F", sent=20, filler="F8", day=25),
]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_repetition_of_messages_gives_the_same_active_results(
    source: Source, patient: Patient, seed: int
) -> None:
    chance = random.Random(seed)
    told = [*MESSAGES, *chance.choices(MESSAGES, k=5)]
    chance.shuffle(told)
    mapped_after = chance.randrange(len(told))
    for number, data in enumerate(told):
        take(source, data)
        if number == mapped_after:
            desk.save_code_map(source=source, system="L", code="NAB", analyte="AAV5_NAB", by="t", at=AT)
    found = [(a, value, status) for a, _, _, value, _, status in active(patient)]
    assert found == [
        ("AAV5_NAB", 21, "final"), ("ALT", 60, "corrected"), ("ALT", 30, "final"), ("ALT", 70, "final"),
        ("ALT", 80, "final"),
    ]  # fmt: skip
    assert not list(drift())


def test_a_run_that_is_cut_off_goes_on_where_it_stopped(
    source: Source, site: Site, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [PatientFactory(site=site, mrn=f"M-{n}", family_name="Muster") for n in range(4)]
    data = b"".join(oru(alt(), mrn=p.mrn, control=p.mrn, filler=p.mrn) for p in (patient, *others))
    kept = imports.keep(name="f", stream=io.BytesIO(data), site=site.pk, source=source, by="t", at=AT)
    real, calls = intake.receive_all, []

    def dies(**more: Any) -> Any:
        calls.append([d.patient for d in more["deliveries"]])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(**more)

    monkeypatch.setattr(imports, "TOGETHER", 2)
    monkeypatch.setattr(intake, "receive_all", dies)
    with pytest.raises(KeyboardInterrupt):
        imports.run(inbound=kept, at=AT)
    assert InboundItem.objects.filter(inbound=kept).count() == 2
    report = imports.run(inbound=Inbound.objects.get(pk=kept.pk), at=AT)
    assert (report.received, report.counts["result"]) == (5, 5)
    assert InboundItem.objects.filter(inbound=kept).count() == 5
    assert [len(c) for c in calls] == [2, 2, 2, 1] and calls[1] == calls[2], "what was done is not done again"
    assert Inbound.objects.get(pk=kept.pk).state == "done"


def test_two_senders_about_one_patient_in_one_file_stay_apart(site: Site, patient: Patient) -> None:
    """Each result belongs to who sent it and is read by that sender's rules: here two places write other times."""
    for code, zone in (("berlin", "Europe/Berlin"), ("lisbon", "Europe/Lisbon")):
        create_source(
            code=code,
            site=site,
            timezone=zone,
            sending_app=code,
            sending_facility="HOSP",
            mrn_authorities=["HOSP"],
        )
    senders = ("berlin", "lisbon", "berlin")
    data = b"".join(
        oru(alt(str(30 + n)), app=code, control=code + str(n), filler=f"F{n}")
        for n, code in enumerate(senders)
    )
    kept = imports.keep(name="f", stream=io.BytesIO(data), site=site.pk, source=None, by="t", at=AT)
    assert imports.run(inbound=kept, at=AT).counts["result"] == 3
    found = (
        Result.objects.filter(patient=patient).order_by("value").values_list("source", "collected_at__hour")
    )
    assert list(found) == [("berlin", 7), ("lisbon", 8), ("berlin", 7)]


def test_each_patient_is_decided_once_for_a_file(source: Source, patient: Patient) -> None:
    before = Pathway.objects.get(pk=patient.pk).decided_seq
    data = b"".join(message(n, alt(str(30 + n)), sent=25, filler=f"F{n}", day=10 + n) for n in range(10))
    take(source, data)
    assert Pathway.objects.get(pk=patient.pk).decided_seq == before + 1


def table(rows: int, mrn: str = "N-1") -> bytes:
    head = "mrn,family_name,loinc,value,unit,collected_at,source_id"
    body = [
        f"{mrn},Muster,1742-6,{20 + n % 20},U/L,{2020 + n // 336 % 7}-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}T08:{n // 2352:02d}:00Z,r{n}"
        for n in range(rows)
    ]
    return "\n".join([head, *body]).encode()


def test_a_pile_that_does_not_fit_in_memory_is_put_aside(
    source: Source, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.services.pile.LIMIT", 40)
    monkeypatch.setattr("workflow.services.pile.RUN", 30)
    report = take(source, table(130) + b"\nstranger,Nobody,1742-6,1,U/L,2026-01-01,x")
    assert (report.received, report.counts["result"], report.counts["quarantine"]) == (131, 130, 1)
    numbers = InboundItem.objects.values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, 132))
    assert len(active(patient)) == 130


def test_what_is_queued_is_run_by_the_background(source: Source, patient: Patient) -> None:
    kept = imports.keep(
        name="f", stream=io.BytesIO(table(3)), site=source.site_id, source=source, by="t", at=AT, queued=True
    )
    assert imports.run_queued(at=AT) == 1
    assert Inbound.objects.get(pk=kept.pk).counts["result"] == 3
    assert imports.run_queued(at=AT) == 0


def test_more_items_than_one_request_carries_are_told(source: Source) -> None:
    assert not imports.many(io.BytesIO(table(5000)), source, "auto", "")
    assert imports.many(io.BytesIO(table(5001)), source, "auto", "")


def test_an_upper_limit_of_the_source_is_flagged(site: Site, patient: Patient) -> None:
    source = create_source(code="bare", site=site, default_uln={"ALT": "40"})
    take(source, oru(alt("45", high="")))
    row = Result.objects.get(patient_id=patient.pk)
    assert (row.reference_high, row.uln_source) == (40, "default")


def test_a_rejected_file_stores_no_item_of_it(source: Source, patient: Patient) -> None:
    report = take(source, table(3) + b"\n" + b"x" * 40_000 + b",,,,,,\n")
    assert (report.received, report.counts["rejected"], dict(report.reasons)) == (1, 1, {"too-large": 1})
    assert not Result.objects.exists()
    assert Inbound.objects.get().state == "rejected"


def test_a_waiting_item_leaves_the_desk_when_a_good_report_comes(source: Source, patient: Patient) -> None:
    take(source, message(1, alt("45", unit="furlong"), sent=20))
    assert QuarantineItem.objects.get().state == "waiting"
    take(source, message(2, alt("45"), sent=21))
    row = QuarantineItem.objects.get()
    assert (row.state, row.resolved_action) == ("resolved", "settled")


def test_a_withdrawn_item_leaves_the_desk(source: Source, patient: Patient) -> None:
    take(source, message(1, alt("45", unit="furlong"), sent=20))
    take(source, message(2, alt("", status="D"), sent=21))
    assert QuarantineItem.objects.get().state == "resolved"
    assert active(patient) == []
