"""Times as laboratories write them: HL7 time stamps, FHIR date-times, and the forms a table's map names.

Nothing is completed or guessed: a time that lacks its day, or its zone where the format demands one, is bad.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

HL7 = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,6})\d*)?)?)?\s*([+-]\d{4})?")
ISO = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})([T ]\d\d:?\d\d.*)?")
LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)")
FHIR = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


class BadTime(ValueError):
    """The text is no time that can be used."""


def hl7_moment(text: str, zone: tzinfo, *, iso: bool = False) -> datetime | date | None:
    """An HL7 time stamp as an instant, or a date where no hour is told; None for an empty text.

    The text's own offset wins over `zone`. With `iso`, ISO 8601 text is accepted too. Raises BadTime.
    """
    trimmed = text.strip().strip('"')
    if not trimmed:
        return None
    found = HL7.fullmatch(trimmed)
    if found is None:
        if iso:
            return iso_moment(trimmed, zone)
        raise BadTime(text)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        on = date(int(year), int(month), int(day))
        if hour is None:
            return on
        moment = datetime(
            on.year, on.month, on.day, int(hour), int(minute), int(second or 0),
            int((fraction or "0").ljust(6, "0")), tzinfo=offset_of(offset) or zone,
        )  # fmt: skip
        return _fixed(moment)
    except ValueError as error:
        raise BadTime(text) from error


def offset_of(text: str | None) -> tzinfo | None:
    """The zone of "+0100" or "-05:00"; None without one. Raises BadTime for hours or minutes there are not."""
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text or "")
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    gap = timedelta(hours=int(hours), minutes=int(minutes))
    if gap >= timedelta(days=1) or int(minutes) > 59:
        raise BadTime(text)
    return timezone(-gap if sign == "-" else gap)


def stated_offset(text: str) -> tzinfo | None:
    """The offset that an HL7 time stamp carries, or None, also where it is none that exists."""
    found = re.search(r"\d([+-]\d{4})\s*$", text)
    try:
        return offset_of(found[1]) if found else None
    except BadTime:
        return None


def _fixed(moment: datetime) -> datetime:
    """The same instant with its offset as a number. Raises BadTime at the ends of the calendar."""
    try:
        for day in (-1, 1):
            moment.astimezone(UTC) + timedelta(days=day)
        return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta()), fold=0)
    except OverflowError as error:
        raise BadTime(str(moment)) from error


def fhir_moment(text: object) -> datetime | date | None:
    """A FHIR date (day known) or date-time (zone known); None when there is none. Raises BadTime."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise BadTime(str(text))
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
        if FHIR.fullmatch(text):
            return _fixed(datetime.fromisoformat(text))
    except ValueError as error:
        raise BadTime(text) from error
    raise BadTime(text)


def iso_moment(text: str, zone: tzinfo) -> datetime | date:
    """ISO 8601 text: a date, or an instant whose missing offset is `zone`. Raises BadTime."""
    found = ISO.fullmatch(text)
    if found is None:
        raise BadTime(text)
    try:
        if found[1] is None:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(text) from error
    return _fixed(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def formed_moment(text: str, form: str, zone: tzinfo) -> datetime | date:
    """Text in a strptime form; a form without an hour gives a date. Raises BadTime."""
    try:
        moment = datetime.strptime(text, form)
    except ValueError as error:
        raise BadTime(text) from error
    if not any(code in form for code in ("%H", "%I", "%c", "%X", "%T")):
        return moment.date()
    return _fixed(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name."""
    return ZoneInfo(name)


def with_offset(text: str, timezone: str) -> str:
    """A local time with the offset of the zone on that day; as it is when the clock shows it twice or never.

    >>> with_offset("2026-07-01 08:00", "Europe/Berlin"), with_offset("2026-03-29T02:30", "Europe/Berlin")
    ('2026-07-01T08:00:00+02:00', '2026-03-29T02:30')
    """
    found = LOCAL.fullmatch(text)
    if found is None:
        return text
    try:
        naive = datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return text
    first, second = (naive.replace(tzinfo=ZoneInfo(timezone), fold=fold) for fold in (0, 1))
    certain = (
        first.utcoffset() == second.utcoffset() and first.astimezone(UTC).astimezone(first.tzinfo) == first
    )
    return first.isoformat() if certain else text
