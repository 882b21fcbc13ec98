"""What a contract may refund: at risk, triggered and expired, per patient and in total. Reported, never decided."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from typing import Any

from outcomes import data
from outcomes.rules.contract import Contract
from outcomes.rules.figures import plain, rounded
from outcomes.rules.refunds import Exposure, exposure
from outcomes.selectors.milestone_lists import Line

NAMES = ("at_risk", "triggered", "expired")


def exposure_json(contract: Contract, lines: Iterable[Line]) -> dict[str, Any]:
    """Exposure of the patients behind the lines, which come by patient."""
    rows: list[dict[str, Any]] = []
    total = dict.fromkeys(NAMES, Decimal(0))
    for patient, own in groupby(lines, key=lambda line: line.patient):
        found = list(own)
        terms = data.contract(contract.code, found[0].contract_version)
        share = exposure(terms, [(Decimal(x.at_risk), Decimal(x.triggered)) for x in found])
        rows.append({"patient": str(patient), "contract_version": terms.version, **_money(terms, share)})
        total = {n: total[n] + amount(terms, getattr(share, n)) for n in NAMES}
    return {
        "contract": contract.code,
        "title": contract.title,
        "invented": contract.invented,
        "currency": contract.currency,
        "price_basis": contract.price_basis,
        "patients": len(rows),
        "total": {n: plain(total[n], 2) for n in NAMES},
        "results": rows,
    }


def amount(contract: Contract, percent: Decimal) -> Decimal:
    """Percent of the price as money, to the cent."""
    return rounded(contract.price * percent / 100, 2)


def _money(contract: Contract, share: Exposure) -> dict[str, dict[str, str]]:
    shares = {n: getattr(share, n) for n in NAMES}
    return {n: {"percent": plain(p), "amount": plain(amount(contract, p), 2)} for n, p in shares.items()}
