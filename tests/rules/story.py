"""Facts of one invented patient, by hand: days count from Day 0, values are written as a laboratory writes them."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from patients.data import catalog
from patients.readers.envelope import ResultEnvelope
from patients.readers.interpret import interpret
from workflow import data
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import (
    Act,
    AttestationFact,
    BleedFact,
    EventFact,
    History,
    InfusionFact,
    Person,
    RegimenFact,
    ResultFact,
    known,
)
from workflow.rules.site_settings import Setting

DAY0 = date(2026, 3, 2)
PERSON = Person(id=uuid5(NAMESPACE_OID, "story"), birth_date=date(1985, 5, 17), sex="male")
UNITS = {"ALT": "U/L", "AST": "U/L", "ALP": "U/L", "TBIL": "mg/dL", "FIX_OS": "%", "FIX_CH": "%", "WEIGHT": "kg",
         "FIX_INH": "BU", "HGB": "g/dL", "WBC": "10*3/uL", "PLT": "10*3/uL", "INR": "", "PT": "s",
         "HBV_DNA": "IU/mL", "HCV_RNA": "IU/mL", "HIV_RNA": "copies/mL", "AFP": "ng/mL", "HEIGHT": "cm",
         "LIVER_ELASTO": "kPa", "FVIII_OS": "%"}  # fmt: skip


def day(offset: int | date) -> date:
    return offset if isinstance(offset, date) else DAY0 + timedelta(days=offset)


def moment(on: int | date, hour: int = 8) -> datetime:
    return datetime.combine(day(on), time(hour), UTC)


def name(*parts: object) -> UUID:
    return uuid5(NAMESPACE_OID, "|".join(map(str, parts)))


def result(
    analyte: str,
    on: int | date,
    value: str,
    *,
    uln: str = "",
    status: str = "final",
    assay: str = "",
    hour: int = 8,
    recorded: int | date | None = None,
    reported: int | date | None = None,
    key: str = "",
    day_only: bool = False,
    unit: str | None = None,
) -> ResultFact:
    """A result as reported, read by the real reader. `key` tells two results of one analyte and day apart."""
    envelope = ResultEnvelope(
        analyte=analyte,
        value=value,
        unit=UNITS.get(analyte, "") if unit is None else unit,
        collected=day(on) if day_only else moment(on, hour),
        reference_high=uln,
        assay=assay,
        status=status,
    )
    read = interpret(envelope, catalog(), now=datetime(2060, 1, 1, tzinfo=UTC))
    assert read.disposition in ("result", "retract", "cancelled"), read.reasons
    told = f"{status}|{value}|{uln}|{reported}"
    return ResultFact(
        id=name("result", analyte, day(on), key, told),
        recorded_at=moment(on if recorded is None else recorded, 12),
        lineage=name("lineage", analyte, day(on), key),
        analyte=analyte,
        collected_at=moment(on, 0 if day_only else hour),
        collected_on=day(on),
        precision="day" if day_only else "second",
        reported_at=moment(on if reported is None else reported, 11),
        status=read.status,
        value=read.number,
        comparator=read.value.comparator if read.value else "",
        code=read.value.code if read.value else None,
        unit=read.unit,
        value_text=value,
        reference_high=read.high,
        assay=assay,
        content_hash=hashlib.sha256(told.encode()).hexdigest(),
    )


def panel(on: int | date, alt: str = "25", *, uln: str = "40", **more: Any) -> list[ResultFact]:
    """ALT, AST, ALP and total bilirubin of one draw."""
    rest = {"AST": ("22", "40"), "ALP": ("80", "120"), "TBIL": ("0.7", "1.2")}
    return [
        result("ALT", on, alt, uln=uln, **more),
        *(result(a, on, v, uln=u, **more) for a, (v, u) in rest.items()),
    ]


def infusion(on: int | date = 0, *, hour: int = 10, weight: str = "72", **more: Any) -> InfusionFact:
    return InfusionFact(
        id=name("infusion", day(on)),
        recorded_at=moment(on, 15),
        started_at=moment(on, hour),
        ended_at=moment(on, hour + 1),
        day0=day(on),
        weight_kg=Decimal(weight),
        volume_ml=2 * Decimal(weight),
        outcome="complete",
        **more,
    )


def act(
    kind: str, key: str, payload: dict[str, Any], on: int | date, *, reason: str = "", by: str = "dr"
) -> Act:
    return Act(
        id=name("act", kind, key, payload, on),
        recorded_at=moment(on, 13),
        kind=kind,
        key=key,
        payload=payload,
        true_on=day(on),
        reason=reason,
        by=by,
    )


def attest(code: str, on: int | date = -20, value: bool = True) -> AttestationFact:
    return AttestationFact(
        id=name("attest", code, on, value), recorded_at=moment(on, 12), code=code, on=day(on), value=value
    )


def bleed(on: int | date, *, site: str = "left knee", **more: Any) -> BleedFact:
    plain: dict[str, Any] = {
        "joint": True,
        "cause": "spontaneous",
        "life_threatening": False,
        "treated": True,
    }
    return BleedFact(
        id=name("bleed", on, site),
        recorded_at=moment(on, 12),
        onset_at=moment(on),
        onset_on=day(on),
        site=site,
        **(plain | more),
    )


def regimen(first: int | date, last: int | date | None = None, product: str = "IDELVION") -> RegimenFact:
    return RegimenFact(
        id=name("regimen", first, last), recorded_at=moment(first, 12), product=product, iu_per_kg=Decimal(40),
        interval_days=Decimal(7), from_on=day(first), to_on=None if last is None else day(last),
    )  # fmt: skip


def event(kind: str, first: int | date, last: int | date | None = None) -> EventFact:
    return EventFact(
        id=name("event", kind, first), recorded_at=moment(first, 12), kind=kind, from_on=day(first),
        to_on=None if last is None else day(last),
    )  # fmt: skip


def certified(first: date = date(2020, 1, 1), last: date | None = None, *, row: int = 0) -> Setting:
    """The `row`-th recorded certification of the centre."""
    return Setting(
        kind="certification",
        key="hemgenix",
        recorded_at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=row),
        from_on=first,
        to_on=last,
    )


def pins(policy: str = "label-us", pathway: str = "hemgenix") -> list[Act]:
    on = date(2023, 1, 1)
    return [
        act("pin", "pathway", {"id": pathway, "version": "1"}, on),
        act("pin", "policy", {"id": policy, "version": "1"}, on),
    ]


def history(**facts: Any) -> History:
    """Everything recorded: lists of facts by kind."""
    facts.setdefault("settings", [certified()])
    acts = [*pins(), *facts.pop("acts", [])]
    return History(
        person=facts.pop("person", PERSON),
        timezone="UTC",
        acts=tuple(acts),
        **{k: tuple(v) for k, v in facts.items()},
    )


def protocol(policy: str = "label-us", pathway: str = "hemgenix") -> Any:
    return data.protocol(pathway, None, policy, None)


def decide(told: History, on: int | date, policy: str = "label-us", pathway: str = "hemgenix") -> Any:
    """The decision as of a day."""
    facts = known(told, as_of=day(on))
    return evaluate(facts, protocol(policy, pathway), obligations_from(facts), day(on))


def gates_met(day0: int = 0) -> dict[str, list[Any]]:
    """Facts with which every gate passes on `day0` under every US policy."""
    at = day0
    serology = [result(a, at - 16, "negative") for a in ("HBSAG", "HBCAB", "HCV_AB", "HIV_AGAB")]
    blood = [result(a, at - 11, v) for a, v in (("HGB", "14"), ("WBC", "6"), ("PLT", "220"), ("INR", "1.0"))]
    codes = ("hematology-consult", "shared-decision", "hepatotoxic-review", "reproductive-counselling", "lft-plan",
             "steroid-plan", "no-prior-gene-therapy", "hemophilia-b-diagnosis")  # fmt: skip
    return {
        "results": [
            result("LIVER_US", at - 60, "normal"),
            result("LIVER_ELASTO", at - 60, "normal"),
            result("AAV5_NAB", at - 21, "1:21", assay="clinical-study"),
            *serology,
            result("FIX_INH", at - 14, "<0.6"),
            result("FIX_OS", at - 12, "1.2"),
            result("FIX_CH", at - 12, "0.9"),
            *blood,
            *panel(at - 8),
            result("WEIGHT", at - 6, "72"),
        ],
        "attestations": [attest(code, at - 13) for code in codes],
        "regimens": [regimen(at - 900)],
    }
