"""Two records of one person become one, nothing is lost or counted twice, and undoing gives back what was."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from outcomes.models import Assessment, FigureRow
from outcomes.selectors import dataset
from outcomes.selectors.drift import milestone_drift
from outcomes.selectors.status import patient_status
from outcomes.services import assessments, enrolment, subject_codes
from patients.access import everywhere, site_context
from patients.errors import Conflict, DomainError, Invalid, Merged
from patients.models import Patient, QuarantineItem, Result, ResultHead, Site
from patients.services import sites
from tests.factories.people import PatientFactory, make_site
from tests.services.racing import racing
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Alert, GateDecision, Notice, Pathway, TaskDue
from workflow.selectors.acts import patients_with
from workflow.selectors.drift import drift
from workflow.selectors.facts import history
from workflow.selectors.merging import preview
from workflow.services import custody, facts, imports, infusions, intake, merging, plan, sweep

AT = NOON - timedelta(days=1)
WHY: dict[str, Any] = {"reason": "entered twice", "by": "adam", "at": AT + timedelta(hours=1)}


def status(patient: UUID, **asked: Any) -> dict[str, Any]:
    return {**patient_status(patient, **{"as_of": DAY0, **asked}), "as_known_at": ""}


def nameless(patient: UUID) -> str:
    """The status without ids: of other records with the same facts it is the same."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "id", json.dumps(status(patient)))


def stored(patient: UUID) -> list[Any]:
    """Everything derived that is kept of a record, but for counters and instants of deciding."""
    found: list[Any] = []
    for model in (GateDecision, TaskDue, Alert):
        rows = model._default_manager.filter(patient_id=patient)
        found += sorted(rows.values_list("id", "key", "fingerprint"))
    found += Pathway.objects.filter(pk=patient).values_list(
        "pathway_version", "policy_version", "phase", "ready", "planned_on", "day0", "next_change_on"
    )
    heads = ResultHead.objects.filter(patient_id=patient).order_by("lineage")
    return [*found, *heads.values_list("lineage", "result", "active", "suspect")]


def whole(*people: Patient) -> list[Any]:
    return [(status(p.pk), stored(p.pk)) for p in people]


def drifted() -> list[str]:
    return [line for line in drift() if "not decided again" not in line]


def alt(value: str, on: int = -8, **more: Any) -> dict[str, Any]:
    day = DAY0 + timedelta(days=on)
    plain = {"analyte": "ALT", "value": value, "unit": "U/L", "reference_high": "40"}
    return {**plain, "collected_at": f"{day}T08:00:00Z", **more}


def send(patient: UUID, *items: dict[str, Any], **more: Any) -> list[str]:
    outcomes = intake.record_results(
        patient=patient, items=items, listed=True, **{"by": "t", "at": AT, **more}
    )
    return [o.disposition for o in outcomes]


def bleed(patient: UUID, on: str = "2026-01-02", **more: Any) -> Any:
    data = {"onset_at": on, "site": "knee", "joint": True, "cause": "unknown", "treated": False, **more}
    return facts.record(patient=patient, kind="bleeds", by="t", at=AT, data=data).row


@pytest.fixture
def pair(site: Site) -> tuple[Patient, Patient]:
    """A record that lacks its liver panel's ALT, and one with nothing else but that."""
    stays, gone = (
        ready_patient(site, without="ALT"),
        PatientFactory(site=site, at=AT, birth_date=DAY0.replace(year=1985)),
    )
    send(gone.pk, alt("25"))
    return stays, gone


def verdict(patient: Patient, code: str, **asked: Any) -> str:
    return next(str(g["verdict"]) for g in status(patient.pk, **asked)["gates"] if g["code"] == code)


def test_merged_then_undone_both_are_what_they_were(pair: tuple[Patient, Patient]) -> None:
    stays, gone = pair
    bleed(gone.pk)
    before = whole(stays, gone)
    assert verdict(stays, "liver-enzymes") == "missing"
    merging.merge(patient=gone.pk, into=stays.pk, **WHY)
    assert verdict(stays, "liver-enzymes") == "pass" and drifted() == []
    assert len(history(stays.pk).bleeds) == 1
    assert not any(m._default_manager.filter(patient=gone).exists() for m in (TaskDue, GateDecision, Alert))
    earlier = AT + timedelta(minutes=30)
    assert verdict(stays, "liver-enzymes", as_known_at=earlier) == "missing", (
        "nobody knew then that they are one"
    )
    for ask in (
        status,
        lambda pk: plan.cancel(patient=pk, by="t"),
        lambda pk: custody.offer(patient=pk, reason="r", by="t"),
    ):
        with pytest.raises(Merged) as told:
            ask(gone.pk)
        assert told.value.extra == {"survivor": str(stays.pk)} and stays.code in told.value.detail
    merging.undo(patient=gone.pk, **WHY)
    assert whole(stays, gone) == before and drifted() == []
    with pytest.raises(Conflict):
        merging.undo(patient=gone.pk, **WHY)


def test_one_draw_reported_to_both_counts_once(pair: tuple[Patient, Patient]) -> None:
    stays, gone = pair
    send(stays.pk, alt("25"), alt("31", on=-3))
    before = whole(stays, gone)
    assert preview(gone.pk, stays.pk, at=AT).repeated == 1
    merging.merge(patient=gone.pk, into=stays.pk, **WHY)
    counting = ResultHead.objects.filter(analyte="ALT", active=True, suspect=False)
    assert counting.count() == 2 and drifted() == []
    assert send(gone.pk, alt("31", on=-3, lab="B")) == ["quarantine"], "under either number it is known"
    assert counting.count() == 2 and QuarantineItem.objects.get().patient == gone
    merging.undo(patient=gone.pk, **WHY)
    assert whole(stays)[0] == before[0]
    assert QuarantineItem.objects.get().state == "resolved", "alone it repeats nothing"
    assert (
        ResultHead.objects.filter(patient=gone, active=True, suspect=False).count() == 2 and drifted() == []
    )


def test_what_comes_for_the_merged_record_counts_for_the_one_that_stays_and_leaves_with_it(
    pair: tuple[Patient, Patient], site: Site
) -> None:
    stays, gone = pair
    source = sites.create_source(code="lab", site=site)
    send(gone.pk, alt("26", on=-4, source="x", source_id="7"))
    old, own = bleed(gone.pk), bleed(stays.pk, "2026-01-09")
    merging.merge(patient=gone.pk, into=stays.pk, **WHY)
    head = "mrn,family_name,birth_date,loinc,value,unit,collected_at,reference_high,source_id\n"
    line = f"{stays.family_name},,1742-6,{{}},U/L,2026-02-27T08:00:00Z,40,{{}}\n"
    text = head + f"{gone.mrn}," + line.format(33, "a") + f"{stays.mrn}," + line.format(34, "b")
    kept = imports.keep(
        name="f.csv", stream=io.BytesIO(text.encode()), site=site.pk, source=source, by="t", at=AT
    )
    imports.run(inbound=kept)
    assert Result.objects.get(value=33).patient == gone and Result.objects.get(value=34).patient == stays
    corrected = alt("29", on=-4, source="x", source_id="7", status="corrected")
    assert send(stays.pk, corrected) == ["result"], "the laboratory knows one number only by now"
    assert Result.objects.get(value=29).patient == gone, "a correction stays with what it corrects"
    bleed(stays.pk, "2026-01-03", supersedes=str(old.pk))
    facts.retract(patient=gone.pk, kind="bleeds", fact=own.pk, reason="r", by="t", at=AT)
    known = history(stays.pk)
    assert {r.value for r in known.results if r.analyte == "ALT"} == {25, 26, 29, 33, 34}
    assert {b.onset_on.day for b in known.bleeds if not b.retracted} == {2, 3, 9} and drifted() == []
    merging.undo(patient=gone.pk, **WHY)
    assert {r.value for r in history(stays.pk).results if r.analyte == "ALT"} == {34}
    assert {r.value for r in history(gone.pk).results if r.analyte == "ALT"} == {25, 26, 29, 33}
    assert [len(history(p.pk).bleeds) for p in (stays, gone)] == [2, 2] and drifted() == []


def test_every_refusal_is_named_at_once_with_its_mend(site: Site) -> None:
    a, b, c = (PatientFactory(site=site, at=AT) for _ in range(3))
    other = PatientFactory(site=make_site("south"), at=AT)
    codes = {p: preview(p.pk, into.pk, at=AT).refusals for p, into in ((a, a), (a, other))}
    assert [r.code for r in codes[a]] == ["other-site"] and "handed over" in codes[a][0].text
    merging.merge(patient=a.pk, into=b.pk, **WHY)

    def refused(gone: Patient, into: Patient) -> list[str]:
        with pytest.raises(Invalid) as told:
            merging.merge(patient=gone.pk, into=into.pk, **WHY)
        return [f.code for f in told.value.faults]

    assert refused(a, a) == ["same-record"]
    assert refused(b, c) == ["holds-others"], "a chain is not made"
    assert refused(b, a) == ["merged", "holds-others"], "nor a circle"
    assert refused(c, a) == ["merged"] and refused(a, c) == ["merged"]
    merging.merge(patient=c.pk, into=b.pk, **WHY)
    assert drifted() == []
    for pk in (a.pk, c.pk):
        merging.undo(patient=pk, **WHY)
    assert refused(b, other) == ["other-site"]
    assert drifted() == []


def test_two_doses_and_two_contracts_are_never_one_person_s(site: Site) -> None:
    treated, twice, plain = ready_patient(site), ready_patient(site), ready_patient(site)
    for row in (treated, twice):
        infusions.record(patient=row.pk, fields=given(), by="t", at=NOON)
        enrolment.enrol(
            patient=row.pk,
            contract_code=f"sample-{'level' if row is treated else 'warranty'}",
            by="t",
            at=NOON,
        )
    plan.book(patient=plain.pk, infusion_on=DAY0 + timedelta(days=2), by="t", at=NOON)

    def told(gone: Patient, into: Patient) -> list[str]:
        return [r.code for r in preview(gone.pk, into.pk, at=NOON).refusals]

    assert told(twice, treated) == ["two-infusions", "two-contracts"]
    assert told(treated, plain) == ["infused"] and told(plain, treated) == ["planned"]
    plan.cancel(patient=plain.pk, by="t", at=NOON)
    assert told(plain, treated) == []
    send(plain.pk, alt("90", on=9), at=NOON + timedelta(days=20))
    merging.merge(patient=plain.pk, into=treated.pk, reason="r", by="t", at=NOON + timedelta(days=20))
    assert [a.state for a in Alert.objects.filter(patient=treated)] == ["open"], (
        "a rise seen on the other record"
    )
    with pytest.raises(Merged):
        infusions.record(patient=plain.pk, fields=given(), by="t", at=NOON + timedelta(days=21))
    with pytest.raises(Conflict):
        infusions.record(patient=treated.pk, fields=given(), by="t", at=NOON + timedelta(days=21))
    assert drifted() == []


def test_a_merged_record_is_nobody_s_patient(site: Site) -> None:
    stays, gone = ready_patient(site), ready_patient(site)
    enrolment.enrol(patient=gone.pk, contract_code="sample-level", by="t", at=NOON)
    infusions.record(patient=stays.pk, fields=given(), by="t", at=NOON)
    subject_codes.draw("sample-level")
    late = NOON + timedelta(days=40)
    merging.merge(patient=gone.pk, into=stays.pk, reason="r", by="t", at=late)
    sweep.redecide(at=late)
    sweep.sweep(at=late)
    assert not Notice.objects.filter(patient=gone).exists()
    assert patients_with("enrolment", "sample-level") == [stays.pk]
    subject_codes.draw("sample-level")
    assert [c.patient for c in dataset.coded("sample-level")] == [stays.pk]
    assert dataset.how_many("sample-level") == 1
    assessments.refresh(at=late)
    assert Assessment.objects.filter(patient=stays).exists() and FigureRow.objects.get().patient == stays
    assert drifted() == [] and list(milestone_drift()) == []


def test_the_merged_record_moves_with_the_patient_and_is_never_deleted_unseen(
    pair: tuple[Patient, Patient], site: Site
) -> None:
    stays, gone = pair
    south = make_site("south")
    merging.merge(patient=gone.pk, into=stays.pk, **WHY)
    asked = {"ground": "recorded-in-error", "reason": "r"}
    for row, error in ((stays, Conflict), (gone, Merged)):
        with pytest.raises(error, match=gone.code if row is stays else stays.code):
            custody.ask_erasure(patient=row.pk, fields=asked, by="cleo")
    word = custody.offer(patient=stays.pk, reason="moves", by="cleo", at=NOON)
    before = nameless(stays.pk)
    with site_context([south.pk], by="sol"):
        custody.take_over(site=south, word=word, mrn="", by="sol", at=NOON)
        assert set(Patient.objects.values_list("pk", flat=True)) == {stays.pk, gone.pk}
        assert [g["verdict"] for g in json.loads(before)["gates"] if g["code"] == "liver-enzymes"] == [
            verdict(stays, "liver-enzymes")
        ]
        assert drifted() == []
    with site_context([site.pk], by="ana"):
        assert not Patient.objects.exists() and not Result.objects.exists()


@pytest.mark.parametrize("statement", ["daymark_merge(%s, %s)", "daymark_unmerge(%s)"])
def test_the_functions_ask_for_themselves(site: Site, statement: str) -> None:
    """Whoever calls them: both records must be in view, and neither merged."""
    a, b = PatientFactory(site=site), PatientFactory(site=site)
    asked = [a.pk, b.pk][: statement.count("%s")]
    for view in ([make_site("third").pk], []):
        with (
            site_context(view, by="t"),
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="in view"),
            transaction.atomic(),
        ):
            cursor.execute(f"select {statement}", asked)
    with (
        connection.cursor() as cursor,
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
    ):
        cursor.execute("update patients_patient set merged_into = %s where id = %s", [b.pk, a.pk])


def test_the_order_of_merge_and_facts_never_matters(site: Site) -> None:
    """Whenever the merge comes, and whether it was undone once: the person's status is the same."""
    found = set()
    for order in itertools.permutations(("merge", "gone", "stays")):
        stays, gone = PatientFactory(site=site, at=AT), PatientFactory(site=site, at=AT)
        for step, what in enumerate((*order, *(("undo", "merge") if order[0] == "gone" else ()))):
            moment = AT + timedelta(minutes=step)
            if what == "merge":
                merging.merge(patient=gone.pk, into=stays.pk, reason="r", by="t", at=moment)
            elif what == "undo":
                merging.undo(patient=gone.pk, reason="r", by="t", at=moment)
            else:
                told = gone if what == "gone" else stays
                send(
                    told.pk, alt("25" if what == "gone" else "31", on=-8 if what == "gone" else -2), at=moment
                )
        found.add(nameless(stays.pk))
    assert len(found) == 1 and drifted() == []


@pytest.mark.parametrize("seed", range(4))
def test_undone_whatever_came_meanwhile_each_is_what_it_would_have_been(site: Site, seed: int) -> None:
    """A story told to two pairs, of which one was merged for a while: in the end they are alike."""
    chance = random.Random(seed)
    story = [
        (chance.choice((0, 1)), chance.choice(("alt", "bleed", "again")), chance.randint(-30, -1))
        for _ in range(10)
    ]
    begun, ended = sorted(chance.sample(range(11), 2))
    pairs = [[PatientFactory(site=site, at=AT) for _ in range(2)] for _ in range(2)]
    for step, (who, what, on) in enumerate([*story, (0, "alt", -1)]):
        if step == begun:
            merging.merge(patient=pairs[0][1].pk, into=pairs[0][0].pk, **WHY)
        if step == ended:
            merging.undo(patient=pairs[0][1].pk, **WHY)
        for two in pairs:
            if what == "bleed":
                bleed(two[who].pk, str(DAY0 + timedelta(days=on)), note=str(step))
            else:
                value = str(20 + step) if what == "alt" else "25"
                send(
                    two[who].pk,
                    alt(value, on=on if what == "alt" else -9, source="lab", source_id=f"{who}{step}"),
                )
    assert [nameless(p.pk) for p in pairs[0]] == [nameless(p.pk) for p in pairs[1]] and drifted() == []


@pytest.fixture
def crowd(transactional_db: None) -> Iterator[list[Patient]]:
    with everywhere(by="t"):
        place = make_site("crowd")
    with everywhere(by="t"):
        people = [PatientFactory(site=place, at=AT) for _ in range(2)]
    yield people


def test_merges_at_one_instant_are_one_and_results_sent_meanwhile_are_decided(crowd: list[Patient]) -> None:
    numbers, a, b = itertools.count(), crowd[0].pk, crowd[1].pk

    def act() -> Any:
        number = next(numbers)
        try:
            with everywhere(by="t"):
                if number % 4 < 2:
                    one, other = (a, b) if number % 4 else (b, a)
                    return merging.merge(patient=one, into=other, **WHY).kind
                return send((a, b)[number % 2], alt(str(20 + number // 4), on=-number // 4))[0]
        except DomainError as error:
            return type(error)

    answers = racing(act, threads=8)
    assert answers.count("merge") == 1 and sum(a in ("result", "quarantine") for a in answers) == 4, answers
    with everywhere(by="t"):
        gone = Patient.objects.exclude(merged_into=None).get()
        assert gone.merged_into is not None and drifted() == []
        assert len(history(gone.merged_into).results) == 4
        assert ResultHead.objects.filter(active=True, suspect=False).count() == 2, (
            "each draw was reported to both"
        )

        def part() -> Any:
            with everywhere(by="t"):
                number = next(numbers)
                if number % 2:
                    return send((a, b)[number % 4 // 2], alt(str(40 + number), on=-number))[0]
                try:
                    return merging.undo(patient=gone.pk, **WHY).kind
                except Conflict:
                    return "conflict"

    answers = racing(part, threads=6)
    assert sorted(map(str, answers)) == ["conflict", "conflict", "result", "result", "result", "unmerge"], (
        answers
    )
    with everywhere(by="t"):
        assert drifted() == [] and sum(len(history(p.pk).results) for p in crowd) == 7
