"""The shape of every fact that people and scripts send in: the one validation for REST, admin and import.

Names, units and vocabularies are those of the public interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rest_framework import serializers

from patients.rules.npi import NO_NPI, is_npi
from patients.services.shapes import Day, Instant, InstantOrDay, Number, Strict, Text
from workflow.rules import contacts

OUTCOMES = ("complete", "partial", "abandoned")
CAUSES = ("spontaneous", "traumatic", "unknown")
USE_REASONS = ("prophylaxis", "bleed", "surgery", "other")
EVENT_KINDS = ("death", "liver_transplant", "withdrawn", "lost_to_follow_up", "follow_up_gap", "lead_in")
AUTHORIZATION_STATUSES = ("draft", "submitted", "approved", "denied", "appealed", "withdrawn")
SEVERITIES = ("mild", "moderate", "severe", "life_threatening")
TITLES = ("opaque", "task")
DECISIONS = ("start_steroids", "observe", "repeat_test", "hepatology_consult", "other")


class FactIn(Strict):
    """What every fact may carry: where it came from and which fact it corrects."""

    source: Any = Text(required=False, allow_blank=True, max_length=64)
    source_id = Text(required=False, allow_blank=True, max_length=128)
    supersedes = serializers.UUIDField(required=False, allow_null=True)
    retracted = serializers.BooleanField(required=False, default=False)


class ResultIn(Strict):
    """One laboratory result as reported. `value` is kept as text; `analyte` or `loinc` says what it is."""

    analyte = Text(required=False, allow_blank=True, max_length=32)
    loinc = Text(required=False, allow_blank=True, max_length=32)
    value = Text(required=False, allow_blank=True, allow_null=True, max_length=2000)
    unit = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    collected_at = InstantOrDay()
    reported_at = Instant(required=False, allow_null=True)
    reference_low = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    reference_high = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    assay = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    lab = Text(required=False, allow_blank=True, allow_null=True)
    status = Text(required=False, allow_blank=True, allow_null=True, max_length=32)
    source: Any = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    source_id = Text(required=False, allow_blank=True, allow_null=True, max_length=128)

    def to_internal_value(self, data: Any) -> Any:
        value = data.get("value") if isinstance(data, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            data = {**data, "value": str(value)}
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("analyte") and not attrs.get("loinc"):
            raise serializers.ValidationError(
                {"analyte": "Name the analyte, or give its LOINC code in loinc."}
            )
        return attrs


class BleedIn(FactIn):
    onset_at = InstantOrDay()
    site = Text()
    joint = serializers.BooleanField()
    cause = serializers.ChoiceField(choices=CAUSES)
    life_threatening = serializers.BooleanField(default=False)
    treated = serializers.BooleanField()
    note = Text(required=False, allow_blank=True, max_length=2000)


class FactorUseIn(FactIn):
    product = Text(max_length=64)
    iu = Number(min_value=0)
    given_on = Day()
    reason = serializers.ChoiceField(choices=USE_REASONS)


def _orderly(attrs: dict[str, Any], first: str, last: str) -> dict[str, Any]:
    """Refuses a period whose end lies before its start."""
    if attrs.get(first) and attrs.get(last) and attrs[last] < attrs[first]:
        raise serializers.ValidationError({last: f"“{last}” must not be before “{first}”."})
    return attrs


class _Period(FactIn):
    """A fact with `from` and an optional `to` (both inclusive)."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "from": Day(), "to": Day(required=False, allow_null=True)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _orderly(attrs, "from", "to")


class RegimenIn(_Period):
    product = Text(max_length=64)
    iu_per_kg = Number(min_value=0)
    interval_days = Number(min_value=0)
    reason = serializers.ChoiceField(choices=("prophylaxis",), default="prophylaxis")


class AttestationIn(FactIn):
    code = Text(max_length=64)
    on = Day()
    value = serializers.BooleanField(default=True)
    note = Text(required=False, allow_blank=True, max_length=2000)


class EventIn(_Period):
    kind = serializers.ChoiceField(choices=EVENT_KINDS)


class CoverageIn(_Period):
    payer = Text()
    contract = Text(required=False, allow_blank=True, allow_null=True, max_length=64)


class DrawIn(FactIn):
    panel = Text(max_length=64)
    drawn_at = InstantOrDay()
    lab = Text(required=False, allow_blank=True)


class KitIn(FactIn):
    ordered_on = Day()
    weight_kg = Number(min_value=1, max_value=500)
    vials = serializers.IntegerField(min_value=1, max_value=1000)
    ndc = Text(required=False, allow_blank=True, max_length=16)
    received_on = Day(required=False, allow_null=True)
    lot = Text(required=False, allow_blank=True, max_length=64)
    vial_lots = serializers.ListField(child=Text(max_length=64), required=False, max_length=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _orderly(attrs, "ordered_on", "received_on")


class AuthorizationIn(FactIn):
    payer = Text()
    number = Text(required=False, allow_blank=True, max_length=64)
    status = serializers.ChoiceField(choices=AUTHORIZATION_STATUSES)
    submitted_on = Day(required=False, allow_null=True)
    decided_on = Day(required=False, allow_null=True)
    valid_from = Day(required=False, allow_null=True)
    valid_to = Day(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _orderly(attrs, "valid_from", "valid_to")


class OverrideIn(Strict):
    """Who takes responsibility for infusing against a blocking gate, and why."""

    reason = Text(max_length=2000)
    second_person = Text(max_length=150)


class VoidIn(Strict):
    """Why an infusion was recorded in error, and (optional) which other clinician confirms it."""

    reason = Text(max_length=2000)
    second_person = Text(required=False, allow_blank=True, max_length=150)


class StopIn(Strict):
    """The last day of prophylaxis, and why a clinician ends it."""

    on = Day()
    reason = Text(max_length=2000)


class _Observed(Strict):
    """An entry of Day 0: an object of known fields, or a text alone, which is kept as its note."""

    note = Text(required=False, allow_blank=True, max_length=2000)

    def to_internal_value(self, data: Any) -> Any:
        told: Mapping[str, Any] = super().to_internal_value({"note": data} if isinstance(data, str) else data)
        if not told:
            raise serializers.ValidationError("Fill in at least one field.")
        return {name: _kept(value) for name, value in told.items()}


def _kept(value: Any) -> Any:
    """A checked value in its JSON form."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


class PremedicationIn(_Observed):
    product = Text(required=False)
    dose = Text(required=False)
    given_at = Instant(required=False)


class InterruptionIn(_Observed):
    reason = Text(required=False, max_length=2000)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "from": Instant(required=False), "to": Instant(required=False)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _orderly(attrs, "from", "to")


class ReactionIn(_Observed):
    at = Instant(required=False)
    what = Text(required=False)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    treatment = Text(required=False, max_length=2000)


class VitalsIn(_Observed):
    """Blood pressure in mmHg, pulse and breaths a minute, temperature in °C, oxygen saturation in percent."""

    at = Instant(required=False)
    systolic = Number(required=False, min_value=0, max_value=400)
    diastolic = Number(required=False, min_value=0, max_value=400)
    pulse = Number(required=False, min_value=0, max_value=400)
    respiratory_rate = Number(required=False, min_value=0, max_value=200)
    temperature_c = Number(required=False, min_value=20, max_value=50)
    spo2_percent = Number(required=False, min_value=0, max_value=100)


class Npi(Text):
    """A National Provider Identifier."""

    default_error_messages = {"npi": NO_NPI}

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if text and not is_npi(text):
            self.fail("npi", text=text)
        return text


class AttendingIn(Strict):
    """Who attended the infusion."""

    npi = Npi()


class InfusionIn(Strict):
    """What was given on Day 0."""

    started_at = Instant()
    ended_at = Instant(required=False, allow_null=True)
    diluted_at = Instant(required=False, allow_null=True)
    observed_until = Instant(required=False, allow_null=True)
    weight_kg = Number(min_value=1, max_value=500)
    volume_ml = Number(min_value=0, max_value=10000)
    rate_ml_h = Number(required=False, allow_null=True, min_value=0)
    kit_lot = Text(required=False, allow_blank=True, max_length=64)
    vial_lots = serializers.ListField(child=Text(max_length=64), required=False, max_length=1000)
    ndc = Text(required=False, allow_blank=True, max_length=16)
    place_of_service = Text(max_length=2)
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    percent_given = Number(required=False, allow_null=True)
    attending_npi = Npi(required=False, allow_blank=True)
    premedication = serializers.ListField(child=PremedicationIn(), required=False, max_length=100)
    interruptions = serializers.ListField(child=InterruptionIn(), required=False, max_length=100)
    reactions = serializers.ListField(child=ReactionIn(), required=False, max_length=100)
    vitals = serializers.ListField(child=VitalsIn(), required=False, max_length=500)
    note = Text(required=False, allow_blank=True, max_length=2000)
    override = OverrideIn(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        faults: dict[str, str] = {}
        if attrs.get("ended_at") and attrs["ended_at"] < attrs["started_at"]:
            faults["ended_at"] = "The infusion must not end before it starts."
        if attrs.get("diluted_at") and attrs["diluted_at"] > attrs["started_at"]:
            faults["diluted_at"] = "The product is diluted before the infusion starts."
        percent = attrs.get("percent_given")
        if attrs["outcome"] == "partial" and (percent is None or not 0 < percent < 100):
            faults["percent_given"] = "Say how many percent were given: more than 0, less than 100."
        if attrs["outcome"] == "abandoned" and attrs["volume_ml"] > 0:
            faults["outcome"] = "Something was given: record it as partial with the percent given."
        if faults:
            raise serializers.ValidationError(faults)
        return attrs


class SteroidStepIn(Strict):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": Day(),
            "to": Day(required=False, allow_null=True),
            "mg_per_day": Number(min_value=0, max_value=1000),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _orderly(attrs, "from", "to")


class SteroidCourseIn(Strict):
    alert = serializers.UUIDField(required=False, allow_null=True)
    started_on = Day()
    template = serializers.ChoiceField(choices=("default",), required=False)
    steps: Any = serializers.ListField(child=SteroidStepIn(), required=False, max_length=200)
    alternative_cause = Text(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("template")) == bool(attrs.get("steps")):
            raise serializers.ValidationError(
                {"template": "Give either template “default” or your own steps."}
            )
        return _consecutive(attrs)


def _consecutive(attrs: dict[str, Any]) -> dict[str, Any]:
    """Refuses steps that overlap, that follow an open one, or that begin before the course."""
    steps, started = attrs.get("steps") or [], attrs.get("started_on")
    if steps and started and steps[0]["from"] < started:
        raise serializers.ValidationError({"steps": "The first step must not begin before the course."})
    for before, after in pairwise(steps):
        if before.get("to") is None or after["from"] <= before["to"]:
            raise serializers.ValidationError({"steps": "Each step must begin after the one before it ends."})
    return attrs


class SteroidChangeIn(Strict):
    ended_on = Day(required=False, allow_null=True)
    steps: Any = serializers.ListField(child=SteroidStepIn(), required=False, max_length=200)
    alternative_cause = Text(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _consecutive(attrs)


class DoseIn(Strict):
    on = Day()
    mg = Number(min_value=0, max_value=1000)


class PlanIn(Strict):
    infusion_on = Day()
    booked = serializers.ChoiceField(choices=("shift", "keep"), required=False)


class AcknowledgeIn(Strict):
    """What was decided. `episode_over` (clinicians only): no later value can end it, for want of a baseline."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    note = Text(required=False, allow_blank=True, max_length=2000)
    episode_over = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["decision"] == "other" and not attrs.get("note"):
            raise serializers.ValidationError({"note": "Say in a note what was decided."})
        return attrs


class ReasonIn(Strict):
    reason = Text(max_length=2000)


class IntoIn(Strict):
    """The record that stays, by its id."""

    into = serializers.UUIDField()


class MergeIn(ReasonIn, IntoIn):
    """Into which record this one is merged, and why they are of one person."""


class TakeOverIn(Strict):
    """The word that the earlier centre gave, for which own centre, and the patient's number there."""

    site = Text(max_length=32)
    word = Text(max_length=64)
    mrn = Text(required=False, allow_blank=True, max_length=64)


class ErasureIn(ReasonIn):
    """On which ground a record is to be deleted, and why; `reference` of the order, where the ground needs one."""

    ground = Text(max_length=32)
    reference = Text(required=False, allow_blank=True, max_length=200)


class EmergencyIn(Strict):
    """Whose record is opened in an emergency: `code`, or `site` and `mrn`; the date of birth each time. And why.

    `from_site`: the centre where the person works as a clinician, where there are several.
    """

    reason = Text(max_length=2000, error_messages={"blank": "Say why you must see this record now."})
    code = Text(required=False, allow_blank=True, max_length=48)
    site = Text(required=False, allow_blank=True, max_length=32)
    mrn = Text(required=False, allow_blank=True, max_length=64)
    birth_date = Day(error_messages={"invalid": "Give the date of birth, as in 1985-05-17."})
    from_site = Text(required=False, allow_blank=True, max_length=32)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        told = [bool(data.get(name)) for name in ("code", "site", "mrn")]
        if told not in ([True, False, False], [False, True, True]):
            raise serializers.ValidationError(
                {"code": "Give the code of the patient, or the code of the centre and the number there."}
            )
        return data


class ReviewIn(Strict):
    """What the custodian finds about an emergency access."""

    found = serializers.ChoiceField(
        ("right", "not-right"), error_messages={"invalid_choice": "Say whether the access was right."}
    )
    review = Text(max_length=2000, error_messages={"blank": "Say in words what you found."})


class SnoozeIn(ReasonIn):
    """`until` null: no longer on hold."""

    until = Day(allow_null=True)


class BookIn(Strict):
    """The booked date of a follow-up (null: none any more). `visit`: of all that is due on the same day."""

    on = Day(allow_null=True)
    visit = serializers.BooleanField(required=False, default=False)


class BookingIn(BookIn):
    key = Text(max_length=160)


class AssignIn(Strict):
    """`seen`: whose the task was when the caller looked; then it is not taken from somebody else unseen."""

    assignee = Text(max_length=150, allow_blank=True)
    reason = Text(max_length=2000, required=False, allow_blank=True)
    seen = Text(max_length=150, required=False, allow_blank=True)


class ContactIn(Strict):
    """Who was contacted about a task, how, when (default: now), and what came of it."""

    who = serializers.ChoiceField(choices=tuple(contacts.WHO))
    how = serializers.ChoiceField(choices=tuple(contacts.HOW))
    outcome = serializers.ChoiceField(choices=tuple(contacts.OUTCOMES))
    at = Instant(required=False)
    note = Text(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "other" in (attrs["who"], attrs["outcome"]) and not attrs.get("note"):
            raise serializers.ValidationError({"note": "Say in a note who it was, or what came of it."})
        return attrs


class FeedIn(Strict):
    """A calendar feed: of one site by its code, else of all own sites; what its events are called."""

    site = Text(max_length=32, required=False, allow_null=True, allow_blank=True)
    titles = serializers.ChoiceField(choices=TITLES, default="opaque")


class PinIn(Strict):
    """A move to another pathway or policy version (or another policy)."""

    pathway_version = Text(required=False, max_length=32)
    policy = Text(required=False, max_length=64)
    policy_version = Text(required=False, max_length=32)
    reason = Text(max_length=2000)
