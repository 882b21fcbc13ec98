"""Fields shared by every input shape: strict objects, bounded dates, exact decimals, instants with offset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from patients.errors import Fault, Invalid, Malformed

UNKNOWN = "unknown-field"
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


class Text(serializers.CharField):
    """Trimmed text of at most `max_length` characters, 200 if nothing else is said."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(**kwargs)


class Day(serializers.DateField):
    """A calendar date at the site, YYYY-MM-DD, between 1900 and 2199."""

    default_error_messages = {"range": "Give a date between 1900-01-01 and 2199-12-31."}

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not EARLIEST <= day <= LATEST:
            self.fail("range")
        return day


class Number(serializers.DecimalField):
    """An exact decimal, as text or number."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 24)
        kwargs.setdefault("decimal_places", 8)
        super().__init__(**kwargs)


@extend_schema_field({"type": "string", "format": "date-time"})
class Instant(serializers.Field[Any, Any, Any, Any]):
    """An RFC 3339 instant with its offset, returned in UTC."""

    default_error_messages = {
        "invalid": "Give date, time and offset, for example 2027-03-10T08:30:00Z.",
        "offset": "Add the offset from UTC, for example 2027-03-10T08:30:00+01:00.",
        "range": "Give a date between 1900-01-01 and 2199-12-31.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        moment = value if isinstance(value, datetime) else self._parsed(value)
        if moment.tzinfo is None:
            self.fail("offset")
        if not EARLIEST <= moment.date() <= LATEST:
            self.fail("range")
        return moment.astimezone(UTC)

    def _parsed(self, value: Any) -> datetime:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


@extend_schema_field({"type": "string", "description": "RFC 3339 instant, or a date alone (precision day)"})
class InstantOrDay(Instant):
    """An instant, or a date alone where the time is not known: then a `date` is returned."""

    def to_internal_value(self, value: Any) -> datetime | date:  # type: ignore[override]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        day = self._day(value)
        if day is None:
            return super().to_internal_value(value)
        if not EARLIEST <= day <= LATEST:
            self.fail("range")
        return day

    @staticmethod
    def _day(value: Any) -> date | None:
        try:
            return parse_date(value) if isinstance(value, str) and len(value) == 10 else None
        except ValueError:
            return None


class Strict(serializers.Serializer[Any]):
    """An object whose fields are all known; an unknown one is reported together with all other faults."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            told: Any = error.detail
            raise serializers.ValidationError({**told, **unknown}) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _unknown(self, data: Any) -> dict[str, list[ErrorDetail]]:
        if not isinstance(data, Mapping):
            return {}
        known = ", ".join(sorted(self.fields))
        return {
            str(name): [ErrorDetail(f"There is no field “{name}”; known are {known}.", code=UNKNOWN)]
            for name in data
            if name not in self.fields
        }


def checked(shape: type[Strict], data: Any, *, at: str = "", partial: bool = False) -> dict[str, Any]:
    """The validated fields, or Malformed/Invalid with every fault and its JSON pointer below `at`."""
    if not isinstance(data, Mapping):
        raise Malformed.at(at or "/", "not-an-object", "Send a JSON object.")
    serializer = shape(data=data, partial=partial)
    if serializer.is_valid():
        return dict(serializer.validated_data)
    faults = list(_faults(serializer.errors, at))
    kind = Malformed if any(f.code == UNKNOWN for f in faults) else Invalid
    raise kind.of(*faults)


def checked_list(shape: type[Strict], items: list[Any], *, limit: int) -> list[dict[str, Any]]:
    """Every item checked; the faults of all items are reported together, nothing is kept of a faulty list."""
    if len(items) > limit:
        raise Invalid.at("/", "too-many", f"Send at most {limit} items at a time.")
    good: list[dict[str, Any]] = []
    faults: list[Fault] = []
    status: type[Invalid] = Invalid
    for index, item in enumerate(items):
        try:
            good.append(checked(shape, item, at=f"/{index}"))
        except Invalid as error:
            status = Malformed if isinstance(error, Malformed) else status
            faults.extend(error.faults)
    if faults:
        raise status.of(*faults)
    return good


def _faults(errors: Any, at: str) -> list[Fault]:
    if isinstance(errors, Mapping):
        return [f for name, inner in errors.items() for f in _faults(inner, _below(at, str(name)))]
    found: list[Fault] = []
    for index, inner in enumerate(errors):
        if isinstance(inner, Mapping | list):
            found.extend(_faults(inner, f"{at}/{index}"))
        else:
            found.append(Fault(at or "/", getattr(inner, "code", "invalid"), str(inner)))
    return found


def _below(at: str, name: str) -> str:
    return at if name == "non_field_errors" else f"{at}/{_escaped(name)}"


def _escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
