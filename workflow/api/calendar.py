"""A feed as an iCalendar document (RFC 5545): all-day events that say a number and a link, no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from icalendar import Calendar, Event, vDuration

from workflow.models import FeedEntry
from workflow.rules.feeds import reference

REFRESH = timedelta(hours=1)


def document(entries: Iterable[FeedEntry]) -> bytes:
    """The calendar of a feed. The same entries give the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Daymark//Worklist//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", "HTC tasks")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH).to_ical().decode())
    for entry in entries:
        calendar.add_component(_event(entry))
    return bytes(calendar.to_ical())


def _event(entry: FeedEntry) -> Event:
    """One task: a whole day at its site, whatever time zone the calendar is in."""
    link = settings.BASE_URL + reverse("admin:task", args=[entry.task])
    number = reference(entry.task)
    event = Event()
    event.add("uid", f"{entry.task}@daymark")
    event.add("dtstamp", entry.modified_at)
    event.add("last-modified", entry.modified_at)
    event.add("sequence", entry.sequence)
    event.add("dtstart", entry.on)
    event.add("dtend", entry.on + timedelta(days=1))
    event.add("summary", f"{entry.title}, ref {number}" if entry.title else f"HTC task, ref {number}")
    event.add("description", f"Open the task: {link}")
    event.add("url", link)
    event.add("status", "CANCELLED" if entry.ended_at else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event
