"""The quarantine desk: what waits, one item with its decision, and what has left the desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients.admin.roles import CARE, require, sites_of
from patients.data import catalog
from patients.errors import DomainError, Fault, NotFound
from patients.models import Source
from workflow.admin import desk_forms, desk_view
from workflow.admin.desk_forms import DECISIONS, Decision
from workflow.admin.intake_frame import (
    asked,
    by_field,
    faults_of,
    framed,
    number_of,
    pages_of,
    shown,
    summary,
)
from workflow.rules import desk as rules
from workflow.selectors import desk as selector
from workflow.selectors.desk import Filter, Item
from workflow.services import desk as service


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("desk/", site.admin_view(desk), name="desk"),
        path("desk/<uuid:item>/", site.admin_view(item_page), name="desk-item"),
    ]


def desk(request: HttpRequest) -> HttpResponse:
    """What waits, gathered by what one decision settles; or what has been resolved or discarded."""
    require(request, CARE)
    only, number = _filter(request), number_of(request)
    waits = only.state == "waiting"
    found = selector.groups(only, number) if waits else selector.ended(only, number)
    return framed(
        request,
        "workflow/desk.html",
        "Quarantine desk",
        "desk",
        only=only,
        groups=[desk_view.group(g) for g in found.rows] if waits else [],
        lines=[] if waits else [desk_view.line(i) for i in found.rows],
        pages=pages_of(request, found.total, number, more=found.more, noun="group" if waits else "item"),
        several=len(only.sites) > 1,
        filtered=bool(only.source or only.reason or only.inbound or only.patient),
        **_filters(only),
    )


def _filter(request: HttpRequest) -> Filter:
    state = asked(request, "state")
    return Filter(
        sites=sites_of(request, CARE),
        source=asked(request, "source"),
        reason=asked(request, "reason"),
        state=state if state in selector.STATES else "waiting",
        inbound=_uuid(asked(request, "import")),
        patient=_uuid(asked(request, "patient")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _filters(only: Filter) -> dict[str, Any]:
    """The choices of the filter form with the number waiting in each."""
    tally = selector.tally(only.sites)
    sources = Source.objects.filter(site__in=only.sites).order_by("code").values_list("code", flat=True)
    waiting = sum(tally["reason"].values())
    return {
        "waiting": waiting,
        "sources": [(code, _counted(code, tally["source"].get(code, 0))) for code in sources],
        "reasons": [(r, _counted(text, tally["reason"].get(r, 0))) for r, text in rules.REASONS.items()],
        "states": [
            ("waiting", _counted("Waiting", waiting)),
            ("resolved", "Resolved"),
            ("discarded", "Discarded"),
        ],
    }


def _counted(text: str, count: int) -> str:
    return f"{text} ({count})" if count else text


def item_page(request: HttpRequest, item: UUID) -> HttpResponse:
    """One item: what was received, what was understood, and its decisions; or how its waiting ended."""
    found = selector.one(item)
    if found is None:
        raise Http404(NotFound.title)
    require(request, CARE, site=found.site)
    if request.method != "POST":
        return _item(request, found)
    decision = DECISIONS.get(request.POST.get("action", ""))
    if decision is None:
        return _item(
            request, found, faults=[Fault("/action", "unknown", "Choose one of the decisions.")], status=422
        )
    return _decide(request, found, decision)


def _decide(request: HttpRequest, item: Item, decision: Decision) -> HttpResponse:
    try:
        fields = desk_forms.read(decision, request.POST, item)
        counts = service.resolve(item=item.id, by=request.user.get_username(), at=timezone.now(), **fields)
    except DomainError as error:
        faults = _placed(faults_of(error))
        return _item(request, item, decision, request.POST.dict(), faults, status=error.status)
    messages.success(request, f"{rules.ENDED[decision.action]}. {rules.replay_words(counts)}")
    return redirect("admin:desk")


def _placed(faults: Iterable[Fault]) -> list[Fault]:
    """Faults of the public shape, under the names of the form's fields."""
    names = {"/value_rule": "/cutoff"}
    return [Fault(names.get(f.pointer, f.pointer), f.code, f.detail) for f in faults]


def _item(
    request: HttpRequest,
    item: Item,
    chosen: Decision | None = None,
    values: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    names = [f.name for f in chosen.fields] if chosen else []
    waits = item.state == "waiting"
    return framed(
        request,
        "workflow/desk_item.html",
        "Name the patient" if item.reasons[0] in rules.ABOUT_A_PERSON else desk_view.what(item),
        "desk",
        status,
        line=desk_view.line(item),
        code=desk_view.code(item),
        understood=desk_view.understood(item),
        named=desk_view.named(item),
        place=desk_view.place(item),
        raw=desk_view.raw(item),
        beside=[desk_view.report(r) for r in selector.beside(item)],
        faults=summary(told, names, chosen.prefix if chosen else ""),
        **(_open(item, chosen, values or {}, told) if waits else {}),
    )


def reach_words(action: str, item: Item, reach: Mapping[str, int]) -> str:
    """Which items a decision is about; without a source there is nothing to tell its like by."""
    if action == rules.MAP and item.source and item.code:
        return f"for every item of this source with this code, {reach[action]} now"
    if action == rules.ASSIGN and item.source and reach[action] > 1:
        return f"for {reach[action]} items about this person"
    return "for this item only"


def _open(
    item: Item, chosen: Decision | None, values: Mapping[str, str], faults: Iterable[Fault]
) -> dict[str, Any]:
    """What a waiting item shows beside itself: the advice, the decisions that fit, and its like."""
    suggestion = rules.suggest(item.told, catalog())
    actions = rules.actions_of(item.reasons)
    offered = rules.offered(actions, suggestion, item.reasons)
    reach = selector.reach(item)
    people = selector.choices(item) if rules.ASSIGN in offered else []
    count, others = selector.alike(item)
    wrong = by_field(faults)
    forms = []
    for action in offered:
        decision, mine = DECISIONS[action], chosen is not None and chosen.action == action
        typed = values if mine else desk_forms.prefilled(decision, item, suggestion)
        forms.append(
            {
                "decision": decision,
                "fields": shown(decision.fields, typed, wrong if mine else {}, decision.prefix),
                "open": mine or (chosen is None and action == suggestion.action),
                "reach": reach_words(action, item, reach),
                "other": typed.get("other", ""),
                "fault": wrong.get("action", "") if mine else "",
            }
        )
    return {
        "advice": suggestion.sentence,
        "forms": forms,
        "people": people,
        "alike": count,
        "others": [desk_view.line(i) for i in others],
    }
