"""Words, shapes and dates in the pages. The words themselves come from `patients.rules.words`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from patients.rules import words
from workflow.admin import marks, told
from workflow.rules import charts
from workflow.rules.desk import reason_words

register = template.Library()
GROUPS = {
    "alerts": ("Safety alerts", "Safety alerts", marks.ALERTS["open"]),
    "overdue": ("Overdue", "Overdue", marks.TASKS["overdue"]),
    "expiring": ("Gates that expire before infusion", "Expiring gates", marks.GATES["expired"]),
    "due": ("Due now", "Due now", marks.TASKS["open"]),
    "closing": ("Windows closing within 7 days", "Closing in 7 days", marks.TASKS["open"]),
    "next": ("Opening within 7 days", "Next 7 days", marks.TASKS["upcoming"]),
    "hold": ("On hold", "On hold", marks.GATES["hold"]),
    "missed": ("Missed, nobody has said why", "Missed, unexplained", marks.TASKS["missed"]),
}


@register.filter
def day(value: date | str | None) -> str:
    """3 Dec, with the year when it is not this one."""
    if not value:
        return ""
    on = date.fromisoformat(value) if isinstance(value, str) else value
    text = f"{on.day} {on:%b}"
    return text if on.year == timezone.now().year else f"{text} {on.year}"


@register.filter
def on(value: datetime, zone: str) -> str:
    """The day of an instant in a time zone."""
    return day(value.astimezone(ZoneInfo(zone)).date())


@register.filter
def clock(value: datetime, zone: str) -> str:
    """The time of day of an instant in a time zone."""
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M}"


@register.filter
def at(value: datetime | None, zone: str) -> str:
    """3 Dec 08:30 in a time zone."""
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone))
    return f"{day(local.date())} {local:%H:%M}"


@register.filter
def moment(text: str | None, zone: str) -> str:
    """An instant of the public interface as 3 Dec 08:30 in a time zone."""
    return at(datetime.fromisoformat(text), zone) if text else ""


@register.filter
def amount(text: str) -> str:
    """1400000 as 1,400,000."""
    return f"{Decimal(text):,f}"


@register.filter
def plain(value: Decimal) -> str:
    """A number as people write it."""
    return charts.plain(value)


@register.simple_tag
def item(found: Mapping[str, Any], name: str) -> Any:
    """One entry of a mapping; empty where there is none."""
    return found.get(name, "")


@register.simple_tag
@lru_cache(maxsize=256)
def shape(name: str, tone: str) -> SafeString:
    """One mark of the sprite; its word stands beside it or is hidden beside it."""
    return format_html(
        '<svg class="shape {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        tone,
        static("daymark/sprite.svg"),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=1024)
def pill(word: marks.Mark) -> SafeString:
    """A state in words with its shape."""
    return format_html(
        '<span class="pill {}">{}{}</span>', word.tone, shape(word.shape, word.tone), word.text
    )


@register.simple_tag
@lru_cache(maxsize=1024)
def mark(word: marks.Mark) -> SafeString:
    """A state as a shape, its word for those who hear the page."""
    return format_html('{}<span class="vh">{}</span>', shape(word.shape, word.tone), word.text)


@register.simple_tag
def table_rows(rows: Iterable[Iterable[object]]) -> SafeString:
    """Rows of a table, all cells alike; one tag, because plots have hundreds of cells."""
    cells = (format_html_join("", "<td>{}</td>", ((cell,) for cell in row)) for row in rows)
    return format_html_join("\n", "<tr>{}</tr>", ((row,) for row in cells))


@register.simple_tag
def points(curve: charts.Curve) -> SafeString:
    """The points of a curve; the second one of a plot has squares, so that shape tells them apart."""
    square = curve.kind in ("chromogenic", "second")
    return format_html_join("\n", "{}{}", ((_dot(m, curve.kind, square), _ring(m)) for m in curve.marks))


def _dot(at: charts.Mark, kind: str, square: bool) -> SafeString:
    if square:
        text = '<rect class="dot {}" x="{}" y="{}" width="8" height="8" transform="translate(-4 -4)"/>'
        return format_html(text, kind, at.x, at.y)
    return format_html('<circle class="dot" cx="{}" cy="{}" r="4"/>', at.x, at.y)


def _ring(at: charts.Mark) -> SafeString | str:
    return format_html('<circle class="hit" cx="{}" cy="{}" r="7.5"/>', at.x, at.y) if at.hit else ""


@register.simple_tag
def group_shape(code: str) -> SafeString:
    return shape(*GROUPS[code][2])


@register.filter
def group_title(code: str) -> str:
    return GROUPS[code][0]


@register.filter
def group_short(code: str) -> str:
    return GROUPS[code][1]


@register.filter
def phase_mark(code: str) -> marks.Mark:
    return marks.phase(code)


@register.simple_tag
def fault(wrong: Mapping[str, str], name: str, number: int) -> SafeString | str:
    """The fault of one field of a line, under it."""
    text = wrong.get(f"{name}-{number}")
    return format_html('<span class="fault">{}</span>', text) if text else ""


@register.simple_tag
def row(group: str, found: Mapping[str, Any], clinical: Container[UUID]) -> dict[str, Any]:
    """One line of Today: status, what, why, dates and the one button; `clinical` are sites of a clinician's."""
    told_row = _row(group, found, found["site_id"] in clinical)
    return {**told_row, "patient": told.address("admin:patient", found["patient_id"])}


def _row(group: str, found: Mapping[str, Any], clinician: bool) -> dict[str, Any]:
    if group == "alerts":
        return _alert_row(found, clinician)
    if group == "expiring":
        return _gate_row(found, found["here"])
    payload, today = found["payload"], found["here"]
    button, url = told.task_action(
        found["patient_id"], found["key"], found["kind"], payload["analytes"], clinician=clinician
    )
    return {
        "word": marks.task({**found, "progress": payload["progress"]}, today),
        "what": found["title"],
        "why": payload["why"] or f"window {day(found['opens_on'])} to {day(found['closes_on'])}",
        "due": found["due_on"],
        "closes": found["closes_on"],
        "left": told.left(found["closes_on"], today),
        "button": button,
        "url": url,
        "page": told.task_url(found["patient_id"], found["key"]),
        "contact": told.last_contact(payload),
    }


def _alert_row(found: Mapping[str, Any], clinician: bool) -> dict[str, Any]:
    alert = found["payload"]
    button, url = told.alert_action(found["patient_id"], alert, clinician=clinician)
    return {
        "word": marks.alert("open"),
        "what": f"Act on {told.alert_what(alert)}",
        "why": told.alert_why(alert),
        "due": found["raised_on"],
        "closes": None,
        "button": button,
        "url": url,
    }


def _gate_row(found: Mapping[str, Any], today: date) -> dict[str, Any]:
    """A patient's gates that end too soon; all of them stand on the patient's page."""
    until, planned = found["valid_until"], found["planned_on"]
    return {
        "word": marks.gate("expired" if planned else "pass", (until - today).days),
        "what": ", ".join(found["titles"]),
        "why": f"will not hold on {day(planned)}, the booked day" if planned else "no infusion is booked yet",
        "due": until,
        "closes": until,
        "left": told.left(until, today),
        "button": "See gates",
        "url": told.address("admin:patient", found["patient_id"]) + "#gates",
    }


@register.simple_tag
def alert_pill(state: str) -> SafeString:
    return pill(marks.alert(state))


@register.simple_tag
def task_pill(task: Mapping[str, Any], today: date) -> SafeString:
    return pill(marks.task(task, today))


@register.filter
def reason(code: str) -> str:
    """patient-unmatched as Patient not found."""
    return reason_words(code) if code else ""


@register.filter
def analyte(code: str) -> str:
    """HIV_RNA as HIV RNA."""
    return words.analyte(code)


@register.filter
def unit(ucum: str) -> str:
    """A UCUM unit as people write it."""
    return words.unit(ucum)


@register.filter
def plain_code(code: str) -> str:
    """start_steroids as Start steroids."""
    return code.replace("_", " ").capitalize()
