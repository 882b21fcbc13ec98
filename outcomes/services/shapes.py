"""Input shapes of a new patient, of an attestation, of packet and claim."""

from __future__ import annotations

import re

from rest_framework import serializers

from outcomes.rules.claim import PLACE
from outcomes.rules.data_package import FORMATS
from outcomes.rules.dataset_tables import LIMITED, PROFILES
from patients.models.patient import SEXES
from patients.services.shapes import Day, Instant, Strict, Text

FIELD = re.compile(r"(\d{1,2})([A-Z]?)")
LAST_FIELD = 81
MOST_LINES = 500


class PatientIn(Strict):
    site = Text(max_length=64)
    mrn = Text(max_length=64)
    family_name = Text(max_length=100)
    given_name = Text(required=False, allow_blank=True, max_length=100)
    birth_date = Day()
    sex = serializers.ChoiceField(choices=SEXES)
    pathway = Text(max_length=64)
    policy = Text(required=False, max_length=64)
    contract = Text(required=False, allow_null=True, max_length=64)


class AttestIn(Strict):
    """Who signs says it again with the password. `sha256`: the digest of what the signer was shown."""

    password = serializers.CharField(required=False, allow_blank=True, max_length=512, trim_whitespace=False)
    note = Text(required=False, allow_blank=True, max_length=2000)
    sha256 = Text(required=False, allow_blank=True, max_length=64)


class PacketSentIn(Strict):
    """To whom the packet was sent, when and how; `sha256` is the content the sender has seen."""

    payer = Text()
    sent_on = Day(required=False)
    channel = Text(required=False, allow_blank=True, max_length=64)
    note = Text(required=False, allow_blank=True, max_length=2000)
    sha256 = Text(required=False, max_length=64)


class ClaimLineIn(Strict):
    """One field of the claim. Fields that only describe a code are accepted and told anew."""

    fl = Text(max_length=8)
    code = Text(max_length=128, allow_blank=True, allow_null=True)
    line = serializers.IntegerField(required=False, min_value=0, max_value=999)
    modifiers = serializers.ListField(child=Text(max_length=4), required=False, max_length=8)
    units = Text(required=False, allow_null=True, max_length=16)
    title = Text(required=False, allow_blank=True, max_length=200)
    says = Text(required=False, allow_blank=True, max_length=500)
    source = Text(required=False, allow_blank=True, max_length=500)  # type: ignore[assignment]
    certainty = Text(required=False, allow_blank=True, max_length=32)
    valid_from = Day(required=False, allow_null=True)
    valid_to = Day(required=False, allow_null=True)
    note = Text(required=False, allow_blank=True, max_length=1000)

    def validate_fl(self, value: str) -> str:
        """44, FL44 and FL 44 are the same field; POS has no box on the form."""
        text = re.sub(r"^FL|\s", "", value.upper())
        found = FIELD.fullmatch(text)
        if text == PLACE or (found and 1 <= int(found[1]) <= LAST_FIELD):
            return text if text == PLACE or not found else f"{int(found[1])}{found[2]}"
        raise serializers.ValidationError(
            f"“{value}” is no field of the form: 1 to {LAST_FIELD}, or {PLACE}."
        )


class ClaimIn(Strict):
    """The lines of a claim as somebody else made it."""

    lines = serializers.ListField(child=serializers.JSONField(), max_length=MOST_LINES)


class ExportIn(Strict):
    """What an export is asked for: its question, its form and why."""

    contract = Text(max_length=64)
    as_of = Day(required=False, allow_null=True)
    as_known_at = Instant(required=False, allow_null=True)
    profile = serializers.ChoiceField(choices=PROFILES, default=LIMITED)
    formats = serializers.ListField(
        child=serializers.ChoiceField(choices=FORMATS),
        default=lambda: ["csv"],
        max_length=3,
        allow_empty=False,
    )
    scope = serializers.ChoiceField(choices=("sites", "contract"), default="sites")
    site = Text(required=False, allow_blank=True, max_length=32)
    reason = Text(required=False, allow_blank=True, max_length=1000)
    determination = Text(required=False, allow_blank=True)

    def validate_formats(self, value: list[str]) -> list[str]:
        """Each once, in the order in which files are written."""
        return [f for f in FORMATS if f in value]
