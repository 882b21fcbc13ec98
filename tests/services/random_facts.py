"""Random facts through the real services: the same seed tells the same story."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from patients.errors import DomainError
from patients.models import Result, ResultHead
from workflow.models import Act, Alert, TaskDue
from workflow.services import alerts, facts, infusions, intake, plan, worklist

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LIMITS = {
    "ALT": ("45", 20, 120),
    "AST": ("40", 15, 60),
    "ALP": ("120", 50, 140),
    "FIX_OS": ("", 2, 60),
    "FIX_CH": ("", 1, 30),
}
UNITS = {"ALT": "U/L", "AST": "U/L", "ALP": "U/L", "FIX_OS": "%", "FIX_CH": "IU/dL"}


class Storyteller:
    """Does one random thing after the other to a patient; what a service refuses is part of the story."""

    def __init__(self, patient: UUID, seed: int) -> None:
        self.patient = patient
        self.chance = random.Random(seed)
        self.at = START
        self.refused = 0

    def tell(self, events: int) -> None:
        for _ in range(events):
            self.at += timedelta(hours=self.chance.randrange(1, 30))
            try:
                self.chance.choice(self.verbs)()
            except DomainError:
                self.refused += 1

    @property
    def verbs(self) -> list[Any]:
        often = [self.result] * 8 + [self.repeat] * 2 + [self.correct] * 2
        return [
            *often,
            self.retract,
            self.bleed,
            self.regimen,
            self.attest,
            self.event,
            self.book,
            self.say,
            self.answer,
        ]

    def _day(self) -> date:
        return self.at.date() - timedelta(days=self.chance.randrange(0, 40))

    def result(self, **more: Any) -> None:
        analyte = self.chance.choice(list(LIMITS))
        uln, low, high = LIMITS[analyte]
        item = {
            "analyte": analyte,
            "value": self.chance.choice(["", "", "", "<", ">"]) + str(self.chance.randrange(low, high)),
            "unit": self.chance.choice([UNITS[analyte]] * 9 + ["furlong"]),
            "collected_at": (self.at - timedelta(days=self.chance.randrange(0, 40))).isoformat(),
            "reported_at": self.at.isoformat(),
            "reference_high": self.chance.choice([uln, uln, ""]),
            "status": self.chance.choice(["final"] * 5 + ["preliminary"]),
            "source": "lab",
            "source_id": f"r{self.chance.randrange(10**9)}",
            **more,
        }
        self.last = item
        intake.record_results(patient=self.patient, items=[item], by="t", at=self.at)

    last: dict[str, Any] | None = None

    def repeat(self) -> None:
        if self.last:
            intake.record_results(patient=self.patient, items=[self.last], by="t", at=self.at)

    def correct(self) -> None:
        if self.last:
            self.result(
                **{
                    **self.last,
                    "value": str(self.chance.randrange(10, 110)),
                    "status": "corrected",
                    "reported_at": self.at.isoformat(),
                }
            )

    def retract(self) -> None:
        head = ResultHead.objects.filter(patient_id=self.patient, active=True).order_by("lineage").first()
        if head:
            intake.retract_result(
                result=Result.objects.get(pk=head.result), reason="mixed up", by="t", at=self.at
            )

    def bleed(self) -> None:
        data = {
            "onset_at": self._day().isoformat(),
            "site": "knee",
            "joint": True,
            "cause": "unknown",
            "treated": True,
        }
        facts.record(patient=self.patient, kind="bleeds", data=data, by="t", at=self.at)

    def regimen(self) -> None:
        first = self._day()
        last = self.chance.choice([None, (first + timedelta(days=self.chance.randrange(60))).isoformat()])
        data = {
            "product": "IDELVION",
            "iu_per_kg": "40",
            "interval_days": "7",
            "from": first.isoformat(),
            "to": last,
        }
        facts.record(patient=self.patient, kind="regimens", data=data, by="t", at=self.at)

    def attest(self) -> None:
        code = self.chance.choice(["lft-plan", "hepatology-consult", "hcc-risk", "shared-decision"])
        data = {"code": code, "on": self._day().isoformat(), "value": self.chance.random() > 0.2}
        facts.record(patient=self.patient, kind="attestations", data=data, by="t", at=self.at)

    def event(self) -> None:
        data = {"kind": "follow_up_gap", "from": self._day().isoformat()}
        facts.record(patient=self.patient, kind="events", data=data, by="t", at=self.at)

    def book(self) -> None:
        on = self.at.date() + timedelta(days=self.chance.randrange(1, 30))
        plan.book(patient=self.patient, infusion_on=on, by="t", at=self.at)

    def say(self) -> None:
        task = TaskDue.objects.filter(patient_id=self.patient, ended_as=None).order_by("key").first()
        if task:
            verb = self.chance.choice([worklist.complete, worklist.waive, worklist.miss])
            verb(patient=self.patient, key=task.key, reason="said", by="t", at=self.at)

    def answer(self) -> None:
        alert = Alert.objects.filter(patient_id=self.patient, state="open").order_by("id").first()
        if alert:
            alerts.acknowledge(
                patient=self.patient, alert=alert.pk, decision="observe", note="", by="t", at=self.at
            )


def infuse_unchecked(patient: UUID, monkeypatch: Any) -> None:
    """An infusion long ago, recorded without the gates, so that the follow-up can be told."""
    monkeypatch.setattr(infusions, "_blocked", lambda *_: [])
    given = {
        "started_at": START - timedelta(days=30), "ended_at": START - timedelta(days=30, hours=-1), "weight_kg": 72,
        "volume_ml": 144, "outcome": "complete", "place_of_service": "22",
    }  # fmt: skip
    infusions.record(patient=patient, fields=given, by="t", at=START)


def count_of(patient: UUID) -> int:
    return Result.objects.filter(patient_id=patient).count() + Act.objects.filter(patient_id=patient).count()
