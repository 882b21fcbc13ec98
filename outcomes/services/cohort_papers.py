"""The papers of an invented patient whose packet and claim are complete: what a payer asks for beyond the gates.

Numbers are invented: no NPI of a person or centre begins with 9.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from workflow import data
from workflow.rules.infusion_checks import expected_vials
from workflow.rules.protocol import KitSize

PAYER = "Sample Health Plan (invented)"
SITE_NPIS = {"northside": "9000000007", "riverbend": "9000000015"}
CLINICIAN_NPIS = {"demo-clinician": "9000000023", "demo-clinician-2": "9000000031"}
Fact = Callable[..., None]
"""Records one fact of a kind on a day."""


def before(fact: Fact, day0: date, weight: Decimal) -> None:
    """Insurance, the payer's approval, why the antibody titer is low enough, and the kit for the weight."""
    kit, ordered = _kit(weight), day0 - timedelta(25)
    fact(day0 - timedelta(86), "coverage", payer=PAYER, **{"from": (day0 - timedelta(700)).isoformat()})
    fact(
        day0 - timedelta(3),
        "authorizations",
        payer=PAYER,
        number=f"PA-{day0:%y%j}",
        status="approved",
        submitted_on=(day0 - timedelta(12)).isoformat(),
        decided_on=(day0 - timedelta(3)).isoformat(),
        valid_from=(day0 - timedelta(3)).isoformat(),
        valid_to=(day0 + timedelta(60)).isoformat(),
    )
    note = "The titer is below the limit of the policy on the assay of the clinical study."
    said = day0 - timedelta(13)
    fact(said, "attestations", code="nab-rationale", on=said.isoformat(), note=note)
    fact(
        day0 - timedelta(2),
        "kit",
        ordered_on=ordered.isoformat(),
        weight_kg=str(weight),
        vials=kit.vials,
        ndc=kit.ndc,
        received_on=(day0 - timedelta(2)).isoformat(),
    )


def given(weight: Decimal) -> dict[str, Any]:
    """What stands in the record of Day 0 besides."""
    return {"ndc": _kit(weight).ndc, "attending_npi": CLINICIAN_NPIS["demo-clinician"]}


def _kit(weight: Decimal) -> KitSize:
    """The kit by rule."""
    dosing = data.protocol("hemgenix", None, "us-standard", None).dosing
    vials = expected_vials(dosing, weight)
    return next(k for k in dosing.kits if k.vials == vials)
