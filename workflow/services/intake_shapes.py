"""The shape of a decision at the quarantine desk, of a code map and of a table mapping, for REST and admin."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from patients.services.shapes import Number, Strict, Text

ACTIONS = ("map", "convert", "assign_patient", "accept", "discard")


class ResolveIn(Strict):
    """One decision about a waiting item; `reason` is kept in its record."""

    action = serializers.ChoiceField(choices=ACTIONS)
    reason = Text(
        max_length=2000, error_messages=dict.fromkeys(("required", "blank"), "Say why in one sentence.")
    )
    analyte = Text(required=False, max_length=16, error_messages={"blank": "Choose what the code means."})
    patient = serializers.UUIDField(required=False, allow_null=True, default=None)
    unit = Text(required=False, allow_blank=True, max_length=64)
    factor = Number(required=False, allow_null=True, default=None)
    assay = Text(required=False, allow_blank=True, max_length=64)
    value_rule = Text(required=False, allow_blank=True, max_length=32)


class CodeMapIn(Strict):
    """What a source's code means. `unit` empty is any unit; `factor` leads to the analyte's own unit."""

    source: Any = Text(max_length=64, error_messages={"required": "Choose the source."})
    system = Text(required=False, allow_blank=True, allow_null=True, max_length=128)
    code = Text(max_length=128, error_messages={"required": "Give the code as the source writes it."})
    unit = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    analyte = Text(max_length=16, error_messages={"required": "Choose what the code means."})
    factor = Number(required=False, allow_null=True, default=None)
    assay = Text(required=False, allow_blank=True, allow_null=True, max_length=64)
    value_rule = Text(required=False, allow_blank=True, allow_null=True, max_length=32)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in attrs.items() if value is not None}


class TableMappingIn(Strict):
    """How a source's tables are laid out: field → header, fields that are the same in every row, dates, key."""

    source: Any = Text(max_length=64, error_messages={"required": "Choose the source."})
    name = Text(max_length=64, error_messages={"required": "Give the mapping a name."})
    columns = serializers.DictField(child=Text(), required=False, default=dict)
    constants = serializers.DictField(child=Text(), required=False, default=dict)
    decimal = serializers.ChoiceField(choices=(".", ","), default=".")
    date_formats = serializers.ListField(
        child=Text(max_length=64), required=False, default=list, max_length=20
    )
    key = serializers.ListField(child=Text(max_length=64), required=False, default=list, max_length=40)
