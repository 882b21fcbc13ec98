"""The mail for a row of the ledger: subject, text and HTML from templates. It names no patient, drug or value.

Both parts are made around the same words, so they cannot say different things.
"""

from __future__ import annotations

from datetime import date
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from patients.rules.words import counted
from patients.services import passwords
from patients.services.mail import unsubscribe_secret
from workflow import data
from workflow.models import Notice
from workflow.models.notice import RIDING
from workflow.rules.second_person import CONFIRM_HOURS

OWN_WORDS = ("override", "override-escalation", "void", "alert-escalation", "emergency-escalation")
"""Rules whose mail says something else than others of their kind."""
PREFERENCES = "/admin/me/mail/"
ACTIONS = {
    "digest": "Open your list",
    "scheduler_silent": "Open Daymark",
    "export_ready": "Open your exports",
    "password_reset": "Set a new password",
    "emergency_access": "See what was opened and why",
}


class NoticeMail(EmailMultiAlternatives):
    """The same row makes the same body each time, so that a mail sent twice is recognisable as one."""

    boundary = ""

    def message(self, **how: Any) -> Any:
        made: Message = super().message(**how)
        made.set_boundary(self.boundary)
        return made


def mail_for(notice: Notice) -> NoticeMail:
    """Subject and both parts, a Message-ID that follows from the row, and a link.

    The link needs sign-in, but that to a new password: it is good for an hour from the asking, and for one use.
    """
    name = f"email/{notice.rule if notice.rule in OWN_WORDS else notice.kind}"
    context = {**_context(notice), "words": f"{name}.words"}
    mail = NoticeMail(
        " ".join(render_to_string(f"{name}.subject", context).split()),
        render_to_string("email/mail.txt", context),
        to=[notice.recipient.email],
        headers=_headers(notice),
    )
    mail.boundary = f"=_{notice.pk.hex}"
    mail.attach_alternative(render_to_string("email/mail.html", context), "text/html")
    return mail


def _context(notice: Notice) -> dict[str, Any]:
    told = notice.told or {}
    return {
        "notice": notice,
        "site": notice.site.code if notice.site else "",
        "ref": notice.pk.hex[-8:].upper(),
        "action": ACTIONS.get(notice.kind, "Open it"),
        "link": _link(notice),
        "ends": notice.created_at + passwords.MAILED.lasts,
        "rides": notice.kind in (*RIDING, "digest"),
        "when": _when(notice),
        "change": f"{settings.BASE_URL}{PREFERENCES}",
        "total": sum(told.get(name) or 0 for name in ("alerts", "due", "overdue", "opened")),
        "counted": counted_words(told),
        "day": date.fromisoformat(told["on"]) if told else None,
        "hours": data.reminders().second_person_hours,
        "confirm_hours": CONFIRM_HOURS,
        "review_days": data.reminders().review_days,
    }


def _link(notice: Notice) -> str:
    if notice.kind == "password_reset":
        return passwords.link(notice.recipient, key=passwords.MAILED, at=notice.created_at)
    listed = notice.kind in ("digest", "scheduler_silent")
    return f"{settings.BASE_URL}{reverse('admin:index') if listed else reverse('admin:notice', args=[notice.pk])}"


def counted_words(told: dict[str, Any]) -> str:
    """As in “2 safety alerts, 1 task due today, 4 overdue (oldest 4 days).”"""
    late = counted(told.get("oldest_days") or 0, "day")
    parts = [
        (told.get("alerts"), lambda n: counted(n, "safety alert")),
        (told.get("due"), lambda n: f"{counted(n, 'task')} due today"),
        (told.get("overdue"), lambda n: f"{n} overdue (oldest {late})"),
        (told.get("opened"), lambda n: f"{counted(n, 'task')} that can start"),
    ]
    return ", ".join(say(number) for number, say in parts if number) + "."


def _when(notice: Notice) -> str:
    person = notice.recipient
    if notice.kind != "digest":
        return "for each reminder"
    days = "every day" if person.mail_weekends else "on workdays"
    return f"at {person.digest_hour:02d}:00 {days} when something needs you"


def _headers(notice: Notice) -> dict[str, str]:
    host = urlsplit(settings.BASE_URL).hostname or "daymark"
    headers = {"Message-ID": f"<notice-{notice.pk}@{host}>", "Auto-Submitted": "auto-generated"}
    if notice.kind == "digest":
        place = reverse("mail-unsubscribe", args=[unsubscribe_secret(notice.recipient)])
        headers["List-Unsubscribe"] = f"<{settings.BASE_URL}{place}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers
