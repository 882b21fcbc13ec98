"""Lists: `results`, `next`, `previous`; 50 a page, at most 200; unknown filters and sort keys are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rest_framework.exceptions import NotFound as NoSuchPage
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from patients.errors import Fault, Malformed, NotFound

PAGING = ("page", "page_size", "ordering", "format")


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})


def page_of(request: Request, rows: Any, shown: Callable[[Sequence[Any]], Iterable[Any]]) -> Response:
    """One page of a query or list, each row as `shown` makes it."""
    if not hasattr(request, "_filters"):
        filters_of(request, (), ordering=())
    pages = Pages()
    try:
        page: list[Any] | None = pages.paginate_queryset(rows, request)
    except NoSuchPage as error:
        raise NotFound("There is no such page.") from error
    return pages.get_paginated_response(list(shown(page or [])))


def filters_of(request: Request, names: Sequence[str], *, ordering: Sequence[str]) -> dict[str, str]:
    """The given filters. Raises Malformed naming every unknown filter and sort key."""
    request._filters = tuple(names)  # type: ignore[attr-defined]
    _refuse(request, (*PAGING, *names))
    chosen = request.query_params.get("ordering")
    if chosen is not None and chosen not in ordering:
        known = ", ".join(ordering) or "none"
        raise Malformed.at("/ordering", "unknown-ordering", f"Known sort keys: {known}.")
    wanted = (*names, "ordering")
    return {n: v for n in wanted if (v := request.query_params.get(n)) not in (None, "")}


def _refuse(request: Request, known: Sequence[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        text = f"Known filters: {', '.join(n for n in known if n != 'format')}."
        raise Malformed.of(*(Fault(f"/{name}", "unknown-filter", text) for name in unknown))
    nul = [name for name, value in request.query_params.items() if "\x00" in value]
    if nul:
        raise Malformed.of(*(Fault(f"/{name}", "nul", "NUL characters are not allowed.") for name in nul))
