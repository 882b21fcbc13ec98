"""A synthetic cohort: invented people in every phase, each told step by step through the real services.

The same seed and date give the same people; a patient that is there already is left alone. Names are made
of syllables and numbers, nobody real is meant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from outcomes.services import assessments, attestations, cohort_papers, patients
from patients.access import staff_at
from patients.models import Patient, Site
from workflow.selectors.lists import open_alerts
from workflow.services import alerts, facts, infusions, intake, plan, steroids, sweep

SYLLABLES = ("ba", "den", "fol", "gar", "hem", "kir", "lom", "mun", "nor", "pel", "rud", "sten", "tor", "wes")
CLINICIAN = "demo-clinician"
COORDINATOR = "demo-coordinator"
ULN = {"ALT": "45", "AST": "40", "ALP": "120", "TBIL": "1.2"}
UNITS = {
    "ALT": "U/L", "AST": "U/L", "ALP": "U/L", "TBIL": "mg/dL", "FIX_OS": "IU/dL", "FIX_CH": "IU/dL",
    "FIX_INH": "[beth'U]/mL", "AAV5_NAB": "{titer}", "WEIGHT": "kg", "HGB": "g/dL", "WBC": "10*3/uL",
    "PLT": "10*3/uL", "INR": "{INR}", "PT": "s", "AFP": "ng/mL",
}  # fmt: skip
SEROLOGY = ("HBSAG", "HBCAB", "HCV_AB", "HIV_AGAB")
ATTESTED = (
    "hematology-consult", "shared-decision", "hepatotoxic-review", "reproductive-counselling", "lft-plan",
    "steroid-plan", "no-prior-gene-therapy", "hemophilia-b-diagnosis",
)  # fmt: skip
WEEKS = 13
CHROMOGENIC = Decimal("0.42")
LATER_MONTHS = (6, 9, 12, 18, 24, 36, 48, 60, 72, 84)


@dataclass
class Teller:
    """Tells one patient's story: each verb records something on a day, at ten in the morning there."""

    site: Site
    today: date
    chance: random.Random
    mrn: str
    policy: str = "us-standard"
    contract: str | None = None
    weight: Decimal = Decimal(72)
    baseline_alt: int = 24
    taken_over_on: date | None = None
    papers: bool = False
    patient: UUID = field(init=False)

    def at(self, on: date) -> datetime:
        return datetime.combine(on, time(10), ZoneInfo(self.site.timezone))

    def known(self, on: date) -> datetime:
        """When something of that day was recorded: then, or when the patient was taken over."""
        return self.at(max(on, self.taken_over_on or on))

    def refer(self, on: date, *, age: int = 34) -> None:
        person = {
            "mrn": self.mrn,
            "family_name": "".join(self.chance.sample(SYLLABLES, 2)).title(),
            "given_name": self.chance.choice(SYLLABLES).title(),
            "birth_date": date(on.year - age, 1 + self.chance.randrange(12), 1 + self.chance.randrange(28)),
            "sex": "male",
            "pathway": "hemgenix",
            "policy": self.policy,
            "contract": self.contract,
        }
        row = patients.create(site=self.site, fields=person, by=COORDINATOR, at=self.known(on))
        self.patient = row.pk

    def results(self, on: date, values: Mapping[str, str], **more: Any) -> None:
        items = [self._item(on, analyte, value, more) for analyte, value in values.items()]
        intake.record_results(
            patient=self.patient, items=items, by=COORDINATOR, at=self.known(on), listed=True
        )

    def _item(self, on: date, analyte: str, value: str, more: Mapping[str, Any]) -> dict[str, Any]:
        item: dict[str, Any] = {
            "analyte": analyte,
            "value": value,
            "unit": UNITS.get(analyte, ""),
            "collected_at": (self.at(on) - timedelta(hours=2)).isoformat(),
            "reported_at": self.at(on).isoformat(),
            "source_id": f"{self.mrn}-{analyte}-{on}",
            "source": "demo-lab",
            "lab": "Demo laboratory",
        }
        if analyte in ULN:
            item["reference_high"] = ULN[analyte]
        return {**item, **more}

    def fact(self, on: date, what: str, /, **data: Any) -> None:
        by = CLINICIAN if what == "attestations" else COORDINATOR
        facts.record(patient=self.patient, kind=what, data=data, by=by, at=self.known(on))

    def attest(self, on: date, *codes: str) -> None:
        for code in codes:
            self.fact(on, "attestations", code=code, on=on.isoformat())

    def prophylaxis(self, known_on: date, since: date, until: date | None = None) -> None:
        self.fact(
            known_on,
            "regimens",
            product="IDELVION",
            iu_per_kg="40",
            interval_days="7",
            **{"from": since.isoformat(), "to": until.isoformat() if until else None},
        )

    def panel(self, on: date, *, alt: int | None = None, fix: str | None = None, **more: Any) -> None:
        values = {
            "ALT": str(alt if alt is not None else self._near(self.baseline_alt)),
            "AST": str(self._near(22)),
            "ALP": str(self._near(78)),
            "TBIL": "0.7",
        }
        if fix:
            values |= _both(fix)
        self.results(on, values, **more)

    def _near(self, middle: int) -> int:
        return middle + self.chance.randrange(-3, 4)

    def gates(self, day0: date, *, titer: str = "1:21", without: frozenset[str] = frozenset()) -> None:
        """Everything the label and the payer ask for before Day 0, in the order a centre does it."""
        steps: dict[str, Callable[[], None]] = {
            "imaging": lambda: self.results(
                day0 - timedelta(60), {"LIVER_US": "normal", "LIVER_ELASTO": "normal"}
            ),
            "nab": lambda: self.results(day0 - timedelta(21), {"AAV5_NAB": titer}, assay="clinical-study"),
            "serology": lambda: self.results(day0 - timedelta(16), dict.fromkeys(SEROLOGY, "negative")),
            "inhibitor": lambda: self.results(day0 - timedelta(14), {"FIX_INH": "<0.6"}),
            "consults": lambda: self.attest(day0 - timedelta(13), *ATTESTED),
            "fix": lambda: self.results(day0 - timedelta(12), {"FIX_OS": "1.2", "FIX_CH": "0.9"}),
            "counts": lambda: self.results(
                day0 - timedelta(11),
                {"HGB": "14.6", "WBC": "6.1", "PLT": "221", "INR": "1.0", "PT": "11.8"},
            ),
            "liver": lambda: self.panel(day0 - timedelta(8), alt=self.baseline_alt),
            "weight": lambda: self.results(day0 - timedelta(6), {"WEIGHT": str(self.weight)}),
        }
        for name, step in steps.items():
            if name not in without:
                step()

    def infuse(self, day0: date) -> None:
        """Gates, plan and the infusion; prophylaxis goes on for three weeks."""
        self.refer(day0 - timedelta(90))
        self.prophylaxis(day0 - timedelta(89), day0 - timedelta(900), day0 + timedelta(20))
        self.fact(
            day0 - timedelta(88), "events", kind="lead_in", source="centre records",
            **{"from": (day0 - timedelta(365)).isoformat(), "to": (day0 - timedelta(1)).isoformat()},
        )  # fmt: skip
        self.bleed(day0 - timedelta(200), known_on=day0 - timedelta(87))
        self.bleed(day0 - timedelta(120), known_on=day0 - timedelta(87))
        self.gates(day0)
        if self.papers:
            cohort_papers.before(self.fact, day0, self.weight)
        if self.taken_over_on is None:
            plan.book(patient=self.patient, infusion_on=day0, by=COORDINATOR, at=self.at(day0 - timedelta(5)))
        volume = 2 * self.weight
        started = self.at(day0)
        given = {
            "started_at": started,
            "ended_at": started + timedelta(hours=1),
            "diluted_at": started - timedelta(hours=1),
            "observed_until": started + timedelta(hours=5),
            "weight_kg": self.weight,
            "volume_ml": volume,
            "rate_ml_h": Decimal(144),
            "kit_lot": f"L{self.chance.randrange(10000, 99999)}",
            "place_of_service": "22",
            "outcome": "complete",
            **(cohort_papers.given(self.weight) if self.papers else {}),
        }
        infusions.record(
            patient=self.patient,
            fields=given,
            by=COORDINATOR,
            at=max(started + timedelta(hours=6), self.known(day0)),
        )

    def bleed(self, on: date, *, known_on: date | None = None) -> None:
        self.fact(
            known_on or on,
            "bleeds",
            onset_at=self.at(on).isoformat(),
            site=self.chance.choice(("left knee", "right ankle", "right elbow")),
            joint=True,
            cause="spontaneous",
            treated=True,
        )

    def weeks(
        self,
        day0: date,
        first: int = 1,
        last: int = WEEKS,
        *,
        skip: frozenset[int] = frozenset(),
        alt: Mapping[int, int] | None = None,
    ) -> None:
        """Weekly panels as far as today; `alt` raises the value of some weeks."""
        raised = alt or {}
        for week in range(first, last + 1):
            on = day0 + timedelta(7 * week)
            if on <= self.today and week not in skip:
                self.panel(on, alt=raised.get(week), fix=str(min(12 + 4 * week, 38)))

    def follow(
        self, day0: date, *, skip: frozenset[int] = frozenset(), alt: Mapping[int, int] | None = None
    ) -> None:
        """Weekly panels, then visits by month, as far as today."""
        self.weeks(day0, skip=skip, alt=alt)
        for month in LATER_MONTHS:
            on = day0 + timedelta(round(month * 30.4375))
            if on <= self.today:
                self.panel(on, fix=str(38 - month // 12))

    def visits(self, day0: date, activity: Mapping[int, str]) -> None:
        """Activities by month, all recorded when the patient was taken over."""
        days = {month: day0 + timedelta(round(month * 30.4375)) for month in activity}
        items = [
            self._item(on, analyte, value, {})
            for month, on in days.items()
            for analyte, value in _both(activity[month]).items()
        ]
        at = self.known(max(days.values()))
        intake.record_results(patient=self.patient, items=items, by=COORDINATOR, at=at, listed=True)

    def sign(self, on: date, *months: int) -> None:
        """A clinician of the site attests milestones of the patient's contract; nobody does where there is none."""
        people = staff_at(self.site.pk, ("clinician",), today=on)
        for month in months if people else ():
            attestations.attest(
                patient=self.patient,
                contract=self.contract or "",
                month=month,
                by=people[0].username,
                at=self.at(on),
            )

    def open_alert(self) -> UUID:
        return open_alerts(self.patient)[0]


def _both(one_stage: str) -> dict[str, str]:
    return {
        "FIX_OS": one_stage,
        "FIX_CH": str((Decimal(one_stage) * CHROMOGENIC).quantize(Decimal("0.1"))),
    }


def referred(t: Teller) -> None:
    t.refer(t.today - timedelta(3))


def half_way(t: Teller) -> None:
    t.refer(t.today - timedelta(25))
    t.prophylaxis(t.today - timedelta(24), t.today - timedelta(700))
    t.gates(t.today + timedelta(8), without=frozenset({"counts", "fix", "liver", "weight", "consults"}))


def titer_too_high(t: Teller) -> None:
    t.refer(t.today - timedelta(40))
    t.prophylaxis(t.today - timedelta(39), t.today - timedelta(700))
    t.gates(t.today + timedelta(3), titer="1:898", without=frozenset({"weight"}))


def titer_expires(t: Teller) -> None:
    t.refer(t.today - timedelta(60))
    t.prophylaxis(t.today - timedelta(59), t.today - timedelta(700))
    t.gates(t.today - timedelta(1))
    booked = t.today + timedelta(12)
    plan.book(patient=t.patient, infusion_on=booked, by=COORDINATOR, at=t.at(t.today - timedelta(1)))


def cleared(t: Teller) -> None:
    t.refer(t.today - timedelta(50))
    t.prophylaxis(t.today - timedelta(49), t.today - timedelta(700))
    t.gates(t.today + timedelta(2))


def booked(t: Teller) -> None:
    cleared(t)
    plan.book(patient=t.patient, infusion_on=t.today + timedelta(5), by=COORDINATOR, at=t.at(t.today))


def core_antibody(t: Teller) -> None:
    t.refer(t.today - timedelta(30))
    t.prophylaxis(t.today - timedelta(29), t.today - timedelta(700))
    t.gates(t.today + timedelta(5), without=frozenset({"serology"}))
    t.results(t.today - timedelta(4), {**dict.fromkeys(SEROLOGY, "negative"), "HBCAB": "positive"})


def first_inhibitor(t: Teller) -> None:
    t.refer(t.today - timedelta(30))
    t.prophylaxis(t.today - timedelta(29), t.today - timedelta(700))
    t.gates(t.today + timedelta(5), without=frozenset({"inhibitor"}))
    t.results(t.today - timedelta(5), {"FIX_INH": "0.9"})


def liver_on_hold(t: Teller) -> None:
    t.refer(t.today - timedelta(30))
    t.prophylaxis(t.today - timedelta(29), t.today - timedelta(700))
    t.gates(t.today + timedelta(5), without=frozenset({"liver"}))
    t.panel(t.today - timedelta(2), alt=61)


def unknown_assay(t: Teller) -> None:
    t.refer(t.today - timedelta(30))
    t.prophylaxis(t.today - timedelta(29), t.today - timedelta(700))
    t.gates(t.today + timedelta(5), without=frozenset({"nab"}))
    t.results(t.today - timedelta(9), {"AAV5_NAB": "<1:20"}, assay="house-method")


def infused_last_week(t: Teller) -> None:
    t.infuse(t.today - timedelta(6))


def alert_open(t: Teller) -> None:
    day0 = t.today - timedelta(36)
    t.infuse(day0)
    t.follow(day0, alt={5: 52})


def steroids_running(t: Teller) -> None:
    day0 = t.today - timedelta(57)
    t.infuse(day0)
    raised = {4: 88, 5: 74, 6: 61, 7: 50, 8: 41}
    t.weeks(day0, last=4, alt=raised)
    on = day0 + timedelta(29)
    order = {"alert": t.open_alert(), "started_on": on, "template": "default"}
    steroids.start(patient=t.patient, fields=order, by=CLINICIAN, at=t.at(on))
    t.weeks(day0, first=5, alt=raised)


def corrected_value(t: Teller) -> None:
    day0 = t.today - timedelta(31)
    t.infuse(day0)
    t.follow(day0, alt={4: 95})
    on = day0 + timedelta(28)
    item = t._item(
        on, "ALT", "29", {"status": "corrected", "reported_at": t.at(on + timedelta(1)).isoformat()}
    )
    intake.record_results(
        patient=t.patient, items=[item], by=COORDINATOR, at=t.at(on + timedelta(1)), listed=True
    )


def weeks_missed(t: Teller) -> None:
    day0 = t.today - timedelta(72)
    t.infuse(day0)
    t.follow(day0, skip=frozenset({6, 9}))


def answered_alert(t: Teller) -> None:
    day0 = t.today - timedelta(80)
    t.infuse(day0)
    t.weeks(day0, last=6, alt={6: 52})
    seen = t.open_alert()
    alerts.acknowledge(
        patient=t.patient,
        alert=seen,
        decision="observe",
        note="",
        by=CLINICIAN,
        at=t.at(day0 + timedelta(43)),
    )
    t.weeks(day0, first=7)


def month_five(t: Teller) -> None:
    day0 = t.today - timedelta(150)
    t.infuse(day0)
    t.follow(day0)


def month_twelve(t: Teller) -> None:
    day0 = t.today - timedelta(366)
    t.infuse(day0)
    t.follow(day0)


def month_twenty_four(t: Teller) -> None:
    day0 = t.today - timedelta(731)
    t.infuse(day0)
    t.follow(day0)
    t.bleed(day0 + timedelta(420))


def back_on_prophylaxis(t: Teller) -> None:
    day0 = t.today - timedelta(1200)
    t.infuse(day0)
    t.follow(day0)
    t.prophylaxis(day0 + timedelta(900), day0 + timedelta(890))


def year_seven(t: Teller) -> None:
    day0 = t.today - timedelta(2560)
    t.taken_over_on = t.today - timedelta(40)
    t.infuse(day0)
    t.follow(day0)


def lost(t: Teller) -> None:
    day0 = t.today - timedelta(520)
    t.infuse(day0)
    t.follow(day0, skip=frozenset({12, 13}))
    on = day0 + timedelta(500)
    t.fact(on, "events", kind="lost_to_follow_up", **{"from": on.isoformat()}, source="centre")


def died(t: Teller) -> None:
    day0 = t.today - timedelta(1100)
    t.infuse(day0)
    t.follow(day0)
    on = t.today - timedelta(5)
    t.fact(on, "events", kind="death", **{"from": on.isoformat()}, source="centre")


def liver_risk(t: Teller) -> None:
    day0 = t.today - timedelta(400)
    t.infuse(day0)
    t.attest(day0 + timedelta(1), "hcc-risk")
    t.follow(day0)


def corrected_after_signing(t: Teller) -> None:
    """Signed up to month 24; then the laboratory corrects what month 12 rested on."""
    day0 = t.today - timedelta(800)
    t.taken_over_on = t.today - timedelta(60)
    t.infuse(day0)
    t.visits(day0, {3: "34", 6: "38", 12: "40", 18: "38", 24: "37"})
    t.sign(t.today - timedelta(50), 3, 6, 12, 24)
    on, told = day0 + timedelta(365), t.today - timedelta(20)
    items = [
        t._item(on, "FIX_OS", "4.1", {"status": "corrected", "reported_at": t.at(told).isoformat()}),
    ]
    intake.record_results(patient=t.patient, items=items, by=COORDINATOR, at=t.at(told), listed=True)


def factor_faded(t: Teller) -> None:
    """The factor falls below what the contract promises, and bleeds come back."""
    day0 = t.today - timedelta(1150)
    t.taken_over_on = t.today - timedelta(90)
    t.infuse(day0)
    t.visits(day0, {3: "22", 6: "16", 9: "13", 12: "9", 18: "6", 24: "4.2", 36: "3.1"})
    for days in (640, 690, 905, 1010):
        t.bleed(day0 + timedelta(days), known_on=t.taken_over_on)
    for days in (641, 906):
        on = (day0 + timedelta(days)).isoformat()
        t.fact(t.taken_over_on, "factor-uses", product="IDELVION", iu="3500", given_on=on, reason="bleed")
    t.sign(t.today - timedelta(80), 3, 6, 12, 24)


STORIES: tuple[tuple[Callable[[Teller], None], str, str | None], ...] = (
    (referred, "us-standard", None),
    (half_way, "us-standard", None),
    (titer_too_high, "us-standard", None),
    (titer_expires, "us-standard", "sample-level"),
    (cleared, "us-standard", None),
    (booked, "us-standard", "sample-level"),
    (core_antibody, "us-standard", None),
    (first_inhibitor, "us-standard", None),
    (liver_on_hold, "label-us", None),
    (unknown_assay, "us-standard", None),
    (infused_last_week, "us-standard", "sample-level"),
    (alert_open, "us-standard", "sample-level"),
    (steroids_running, "us-standard", "sample-level"),
    (corrected_value, "label-us", None),
    (weeks_missed, "us-standard", "sample-warranty"),
    (answered_alert, "label-us", None),
    (month_five, "us-standard", "sample-warranty"),
    (month_twelve, "us-standard", "sample-level"),
    (month_twenty_four, "us-standard", "sample-level"),
    (back_on_prophylaxis, "us-standard", "sample-warranty"),
    (year_seven, "label-us", None),
    (lost, "us-standard", "sample-level"),
    (died, "us-standard", "sample-level"),
    (liver_risk, "label-us", None),
    (corrected_after_signing, "us-standard", "sample-level"),
    (factor_faded, "us-standard", "sample-level"),
)
WITH_PAPERS = (infused_last_week, month_five, month_twelve)
"""Stories whose packet and claim are complete."""


def seed(*, patients: int, seed: int, today: date, sites: list[Site]) -> int:
    """Tells `patients` stories spread over the sites; returns how many people are new."""
    made = 0
    for number in range(patients):
        mrn = f"S{seed}-{number + 1:05d}"
        site = sites[number % len(sites)]
        if Patient.objects.filter(mrn=mrn, recorded_site__in=sites).exists():
            continue
        story, policy, contract = STORIES[number % len(STORIES)]
        chance = random.Random(f"{seed}/{number}")
        weight = Decimal(chance.randrange(58, 96))
        teller = Teller(site, today, chance, mrn, policy, contract, weight, chance.randrange(18, 30))
        teller.papers = story in WITH_PAPERS
        story(teller)
        made += 1
    if made:
        sweep.redecide()
        assessments.refresh()
    return made
