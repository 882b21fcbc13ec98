"""One sample under two contracts that ship with no installation: each is judged by the assay that it names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from outcomes import data
from tests.browser import looking
from tests.browser.conftest import today_at

ASSAYS = {"one_stage": ("Met", "disc-tick", "12.9"), "chromogenic": ("Not met", "square-x", "5.5")}


@pytest.fixture
def judged(clinic: Mapping[str, UUID], tmp_path: Path, monkeypatch: Any) -> Iterator[dict[str, UUID]]:
    """A patient for each assay, both with one-stage 12.9 and chromogenic 5.5 IU/dL in month 12; threshold 12."""
    from outcomes.services import cohort
    from patients.access import everywhere
    from patients.models import Site

    folder = shutil.copytree(data.FOLDER, tmp_path / "contracts")
    for assay in ASSAYS:
        (folder / f"test-{assay.replace('_', '-')}_v1.toml").write_text(_contract(assay), encoding="utf-8")
    monkeypatch.setattr(data, "FOLDER", folder)
    data._read.cache_clear()
    assert data.faults() == ()
    with everywhere(by="test"):
        site, found = Site.objects.get(code="northside"), {}
        for number, assay in enumerate(ASSAYS):
            teller = cohort.Teller(
                site,
                today_at(site),
                Random(number),
                f"C{number:04d}",
                contract=f"test-{assay.replace('_', '-')}",
            )
            day0 = teller.today - timedelta(400)
            teller.infuse(day0)
            teller.results(day0 + timedelta(365), {"FIX_OS": "12.9", "FIX_CH": "5.5"})
            found[assay] = teller.patient
    yield found
    monkeypatch.undo()
    data._read.cache_clear()


def _contract(assay: str) -> str:
    """The sample contract on the level alone, by another assay and threshold."""
    text = (data.FOLDER / "sample-level_v1.toml").read_text(encoding="utf-8")
    text = text.replace('"sample-level"', f'"test-{assay.replace("_", "-")}"')
    text = text.replace('assay = "one_stage"', f'assay = "{assay}"').replace(
        "threshold = 5\n", "threshold = 12\n"
    )
    return re.sub(r"\[criteria\.(abr-drop|off-prophylaxis)\]\n(.+\n)+", "", text)


def test_the_same_sample_is_met_under_one_assay_and_not_under_the_other(
    open_browser: Callable[..., Any], server: str, judged: Mapping[str, UUID]
):
    page, faults = open_browser(), []
    for assay, (word, shape, value) in ASSAYS.items():
        page.goto(f"{server}/admin/patients/{judged[assay]}/")
        row = page.locator("section[aria-labelledby=milestones] tr", has_text="month 12")
        pill = row.locator(".pill")
        assert pill.inner_text().strip() == word
        assert shape in pill.inner_html()
        assert value in row.inner_text()
        faults += looking.axe(page)
    assert faults == []
