"""My account: how reminders come by mail, and the calendar feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from patients.admin.roles import CARE, OPENS_ADMIN, holds, require, sites_of
from patients.errors import DomainError, Fault
from patients.ids import new_id
from patients.models import Site, User
from patients.services.people import MailIn, choose_mail
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.frame import faults_of, page
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.selectors import feeds as selector
from workflow.services import feeds, shapes

MAIL = (
    Field("mail_digest", "Send me my work list once a day, when something needs me", "check"),
    Field(
        "digest_hour",
        "At what hour",
        "select",
        "By the clock of each site.",
        choices=tuple((str(h), f"{h:02d}:00") for h in range(24)),
    ),
    Field("mail_weekends", "Also on Saturdays and Sundays", "check"),
    Field("mail_single", "Send me each reminder as a mail of its own, when it falls due", "check"),
)
TITLES = (
    ("opaque", "A number only: HTC task, ref 307112"),
    ("task", "What is to be done: Liver panel, week 5"),
)


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("me/mail/", site.admin_view(mail), name="my-mail"),
        path("me/feeds/", site.admin_view(my_feeds), name="my-feeds"),
    ]


def _framed(
    request: HttpRequest, template: str, title: str, here: str, /, http_status: int = 200, **context: Any
) -> HttpResponse:
    pages = [("my-mail", "Mail", OPENS_ADMIN), ("my-feeds", "Calendar feeds", CARE)]
    own = [
        {"url": reverse(f"admin:{name}"), "text": text, "current": name == here}
        for name, text, roles in pages
        if holds(request, roles)
    ]
    return page(request, template, title, http_status, own=own, **context)


def mail(request: HttpRequest) -> HttpResponse:
    """What comes by mail, and when; alerts and escalations always come."""
    require(request, OPENS_ADMIN)
    user = cast(User, request.user)
    if request.method != "POST":
        return _mail(request, {f.name: getattr(user, f.name) for f in MAIL}, ())
    values = _mail_values(request.POST)
    try:
        choose_mail(user=user.pk, fields=checked(MailIn, values))
    except DomainError as error:
        return _mail(request, values, faults_of(error), error.status)
    messages.success(request, "Saved. It holds from the next mail on.")
    return redirect("admin:my-mail")


def _mail_values(posted: QueryDict) -> dict[str, Any]:
    """A box that is not ticked is not sent."""
    return {
        f.name: posted.get(f.name, "") == "yes" if f.kind == "check" else posted.get(f.name, "") for f in MAIL
    }


def _mail(
    request: HttpRequest, values: Mapping[str, Any], faults: Iterable[Fault], status: int = 200
) -> HttpResponse:
    told = list(faults)
    texts = {name: value if isinstance(value, bool) else str(value) for name, value in values.items()}
    return _framed(
        request,
        "workflow/me_mail.html",
        "Mail",
        "my-mail",
        status,
        fields=shown(MAIL, texts, by_field(told)),
        faults=summary(told, [f.name for f in MAIL]),
    )


def my_feeds(request: HttpRequest) -> HttpResponse:
    """The person's calendar feeds: make one, see its address once, revoke it."""
    require(request, CARE)
    if request.method != "POST":
        return _feeds(request)
    if "revoke" in request.POST:
        return _revoke(request)
    return _make(request)


def _make(request: HttpRequest) -> HttpResponse:
    """The answer to the post itself shows the address: nothing keeps it for another page."""
    values = {name: request.POST.get(name, "") for name in ("site", "titles")}
    try:
        fields = checked(shapes.FeedIn, values)
        made = feeds.create(user=cast(User, request.user), pk=_uuid(request.POST.get("new", "")), **fields)
    except DomainError as error:
        return _feeds(request, values=values, faults=faults_of(error), status=error.status)
    if not made.secret:
        messages.warning(
            request, "This feed was made already, and its address was shown once. Revoke it to start anew."
        )
        return redirect("admin:my-feeds")
    return _feeds(request, address=feeds.address(made.secret))


def _revoke(request: HttpRequest) -> HttpResponse:
    try:
        feeds.revoke(feed=_uuid(request.POST["revoke"]) or new_id(), user=cast(User, request.user))
        messages.success(request, "Feed revoked: its address no longer answers.")
    except DomainError as error:
        messages.warning(request, error.detail)
    return redirect("admin:my-feeds")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _feeds(
    request: HttpRequest,
    *,
    address: str = "",
    values: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    fields = _feed_fields(request)
    return _framed(
        request,
        "workflow/me_feeds.html",
        "Calendar feeds",
        "my-feeds",
        status,
        address=address,
        new=new_id(),
        feeds=[
            {"feed": f, "titles": dict(TITLES)[f.titles]}
            for f in selector.of_person(cast(User, request.user))
        ],
        fields=shown(fields, values or {"titles": "opaque"}, by_field(told)),
        faults=summary(told, [f.name for f in fields]),
    )


def _feed_fields(request: HttpRequest) -> tuple[Field, ...]:
    sites = Site.objects.filter(pk__in=sites_of(request, CARE)).order_by("name")
    choices = (("", "All my sites"), *((s.code, s.name) for s in sites))
    return (
        Field("site", "Tasks of", "select", choices=choices, optional=True),
        Field(
            "titles",
            "What each entry says",
            "select",
            "Neither says anything about a patient.",
            choices=TITLES,
        ),
    )
