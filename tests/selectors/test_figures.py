"""Figures over many patients as the database sums them up, where they are shown, and how they keep up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone

from outcomes import data
from outcomes.models import FigureRow
from outcomes.rules.cohort_figures import ABR, OFF, Figures, Month
from outcomes.selectors.drift import milestone_drift
from outcomes.selectors.figures import figures
from outcomes.services import assessments, cohort
from patients import access
from tests.factories.people import make_site, make_staff
from workflow.rules.windows import add_months

NOW = datetime(2027, 3, 1, 17, tzinfo=UTC)
TODAY = date(2027, 3, 1)
RULES = data.measure_rules()


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """Three treated patients and one referred at north, one treated at south; assessed, never committed."""
    with django_db_blocker.unblock(), transaction.atomic():
        with access.everywhere(by="test"), time_machine.travel(NOW, tick=False):
            north, south = make_site("north", timezone="America/Chicago"), make_site("south")
            found: dict[str, Any] = {"north": north, "south": south}
            for mrn, site, contract, story in (
                ("N1", north, "sample-level", cohort.month_twelve),
                ("N2", north, "sample-level", cohort.month_twenty_four),
                ("N3", north, "sample-warranty", cohort.month_five),
                ("N4", north, "sample-level", cohort.referred),
                ("S1", south, None, cohort.month_twelve),
            ):
                teller = cohort.Teller(site, TODAY, Random(1), mrn, contract=contract)
                story(teller)
                found[mrn] = teller
            assessments.refresh()
            yield found
        transaction.set_rollback(True)


@pytest.fixture
def now(world: dict[str, Any], django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """That world and moment; what a test does is undone."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        yield world
        transaction.set_rollback(True)


def at(found: Figures, number: int) -> Month:
    return next(m for m in found.months if m.month == number)


def activity(month: Month) -> tuple[Any, ...]:
    one, other = month.one_stage, month.chromogenic
    return (one.n, one.median, other.n, other.median)


def test_activity_and_prophylaxis_by_month(now: dict[str, Any]):
    """The story measures week 13 = day 91, then months 6, 9, 12, 18, 24 with 38 - month // 12, chromogenic x 0.42."""
    found = figures([now["north"].pk])
    assert found.patients == 3
    assert activity(at(found, 3)) == (3, 38, 3, 16)
    assert activity(at(found, 6)) == (2, 38, 2, 16), "day 150 of the third is before its window of month 6"
    assert activity(at(found, 12)) == (2, 37, 2, Decimal("15.5"))
    assert activity(at(found, 24)) == (1, 36, 1, Decimal("15.1"))
    assert at(found, 15).one_stage.without == 1 and at(found, 15).one_stage.n == 0
    assert [(m.month, m.off, m.on, m.ahead, m.censored) for m in found.months] == [
        (3, 3, 0, 0, 0), (6, 2, 0, 0, 0), (9, 2, 0, 0, 0), (12, 2, 0, 0, 0),
        (15, 1, 0, 0, 0), (18, 1, 0, 0, 0), (21, 1, 0, 0, 0), (24, 1, 0, 0, 0),
    ]  # fmt: skip


def test_bleeding_rates_before_and_after(now: dict[str, Any]):
    """Each has 365 days of lead-in with 2 bleeds; after day 182 two reach month 12 and 24, one bled on day 420."""
    found = figures([now["north"].pk])
    rows = {(r[0], r[1]): r[2:6] for r in ABR.rows(found, RULES)}
    assert rows["before", "all"] == ("3", "3.00", "6", "2.00")
    assert rows["early", "all"] == ("2", "1.00", "0", "0.00"), (
        "183 days each; day 150 of the third is not counted yet"
    )
    days = (365 - 183 + 1) + (731 - 183 + 1)
    assert found.periods[2].days in (days, days - 1, days - 2), "to the targets, whole calendar months"
    assert rows["later", "all"] == ("2", "2.00", "1", "0.50")


def test_a_median_lies_between_two_values_and_quartiles_interpolate(now: dict[str, Any]):
    """Month 12 of three: 30, 37, 37. The lower quartile is half-way from 30 to 37."""
    teller = now["N2"]
    day0 = TODAY - timedelta(731)
    teller.results(day0 + timedelta(365), {"FIX_OS": "30"}, source_id="again")
    assessments.refresh()
    month = at(figures([now["north"].pk, now["south"].pk]), 12).one_stage
    assert (month.n, month.q1, month.median, month.q3) == (3, 33.5, 37, 37)
    month = at(figures([now["north"].pk]), 12).one_stage
    assert (month.n, month.median) == (2, 33.5)


def test_a_bound_counts_as_its_number_and_is_told(now: dict[str, Any]):
    """Month 24 of the second falls on 28 February or 1 March; the newest of two equally near ones counts."""
    target = add_months(TODAY - timedelta(731), 24)
    assert target in (TODAY, TODAY - timedelta(1))
    now["N2"].results(target, {"FIX_OS": "<1"}, source_id="bound", assay="other")
    assessments.refresh()
    month = at(figures([now["north"].pk]), 24)
    assert (month.one_stage.n, month.one_stage.bounds, month.one_stage.median) == (1, 1, 1)
    assert (month.chromogenic.bounds, month.chromogenic.n) == (0, 1)


def test_what_ends_observation_is_censored_and_not_lost(now: dict[str, Any]):
    on = TODAY - timedelta(200)
    now["N2"].fact(TODAY, "events", kind="lost_to_follow_up", **{"from": on.isoformat()}, source="centre")
    assessments.refresh()
    found = figures([now["north"].pk], "sample-level")
    shown = [(m.month, m.off, m.censored) for m in found.months]
    assert shown[-3:] == [(18, 0, 1), (21, 0, 1), (24, 0, 1)], "day 531 is before month 18, day 547"
    assert all(m.one_stage.without == 0 for m in found.months if m.censored)
    assert next(r for r in OFF.rows(found, RULES) if r[0] == "24") == ("24", "0", "0", "0", "", "0", "1")


def test_site_and_contract_narrow_the_patients(now: dict[str, Any]):
    north, south = now["north"].pk, now["south"].pk
    sizes = [figures([north, south]).patients, figures([south]).patients, figures([]).patients]
    assert sizes == [4, 1, 0]
    assert [figures([north], c).patients for c in ("sample-level", "sample-warranty", "none")] == [2, 1, 0]
    with access.site_context([south], by="test"):
        assert figures([north, south]).patients == 1, "rows of other sites are out of view"


def test_two_queries_however_many_there_are(now: dict[str, Any], django_assert_num_queries: Any):
    for sites in ([], [now["south"].pk], [now["north"].pk, now["south"].pk]):
        with django_assert_num_queries(2):
            figures(sites)


def test_a_date_that_comes_moves_the_figures_and_verify_compares_them(now: dict[str, Any]):
    row = FigureRow.objects.get(patient=now["N3"].patient)
    assert list(milestone_drift()) == []
    with time_machine.travel(NOW + timedelta(days=(row.steady_until - TODAY).days + 1), tick=False):
        assert timezone.now().date() > row.steady_until
        assessments.refresh()
        later = FigureRow.objects.get(patient=now["N3"].patient)
        assert later.assessed_for > row.steady_until and later.months == [3, 6] and row.months == [3]
        assert list(milestone_drift()) == []
    FigureRow.objects.filter(patient=now["N1"].patient).update(early=[1, 9, 0, 0, 0])
    FigureRow.objects.filter(patient=now["N2"].patient).delete()
    told = [f"patient {now[n].patient}: the points of figures differ" for n in ("N1", "N2")]
    assert set(told) <= set(milestone_drift())


def test_the_page_and_the_files_show_the_same(now: dict[str, Any], client: Client):
    client.force_login(make_staff(now["north"], "coordinator", "ana"))
    shown = client.get("/admin/figures/").content.decode()
    assert "<b>3</b> treated patients" in shown and shown.count('<svg class="plot"') == 3 and "crude" in shown
    assert "under an invented" not in shown
    assert "<b>2</b> treated" in (one := client.get("/admin/figures/?contract=sample-level").content.decode())
    assert "under an invented sample contract" in one
    answer = client.get("/admin/figures/fix_activity.csv?contract=sample-level")
    assert answer["Content-Disposition"].startswith('attachment; filename="fix_activity-sample-level-')
    assert "\n12,one_stage,2,0,0,0,0,37,37,37\n" in answer.content.decode()
    for wrong in ("?site=south", "?contract=other", "nothing.csv"):
        assert client.get(f"/admin/figures/{wrong}").status_code == 404
    client.force_login(make_staff(now["north"], "site_admin", "adam"))
    assert client.get("/admin/figures/").status_code == 403


def test_rest_gives_the_same_rows_with_the_names_of_columns(now: dict[str, Any]):
    from rest_framework.test import APIClient

    api = APIClient()
    api.force_login(make_staff(now["north"], "clinician", "cora"))
    told = api.get("/api/v1/figures/?contract=sample-level").json()
    assert (told["patients"], told["crude"], told["contract"]) == (2, True, "sample-level")
    row = next(r for r in told["fix_activity"] if r["month"] == "12" and r["assay"] == "chromogenic")
    assert (row["n"], row["median_iu_dl"]) == ("2", "15.5")
    assert api.get("/api/v1/figures/?site=south").status_code == 404
    assert api.get("/api/v1/figures/?sites=north").status_code == 400
