"""The files of billing codes and packet items: what ships is sound, what is broken says where."""

from __future__ import annotations

import copy
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outcomes import data
from outcomes.rules.codes import parse_codes
from outcomes.rules.packet_file import parse_packet
from patients.rules.npi import is_npi
from workflow import data as workflow_data
from workflow.rules.protocol import CERTAINTIES


def raw(name: str) -> dict[str, Any]:
    return tomllib.loads((data.CATALOG / f"{name}_v1.toml").read_text(), parse_float=Decimal)


def test_every_code_says_what_the_code_set_says_with_source_and_certainty() -> None:
    assert data.faults() == ()
    for row in data.codes().rows:
        assert row.says and row.source and row.certainty in CERTAINTIES, row


def test_codes_that_mean_something_else_are_listed_as_refused() -> None:
    refused = {c.code for c in data.codes().of("supporting-refused", "hemgenix", date(2026, 3, 2))}
    assert refused == {"Z87.2", "M25.4", "D68.311", "Z79.899", "Z29.81"}


@pytest.mark.parametrize(
    ("on", "codes"),
    [(date(2023, 3, 31), []), (date(2023, 4, 1), ["J1411"]), (date(2060, 1, 1), ["J1411"])],
)
def test_a_code_counts_from_its_first_day(on: date, codes: list[str]) -> None:
    assert [c.code for c in data.codes().of("drug", "hemgenix", on)] == codes
    assert data.codes().of("drug", "beqvez", on) == ()


def test_every_fault_of_the_codes_is_reported_at_once() -> None:
    broken = copy.deepcopy(raw("codes"))
    del broken["title"]
    rows = broken["codes"]
    del rows[0]["units"]
    rows[1]["role"] = "happy"
    del rows[2]["source"]
    rows[4]["valid_from"], rows[4]["valid_to"] = date(2024, 1, 2), date(2024, 1, 1)
    rows[5]["colour"] = "red"
    rows.append(copy.deepcopy(rows[6]))
    found, faults = parse_codes(broken)
    assert found is None
    assert {f.key for f in faults} == {
        "title", "codes[0].units", "codes[1].role", "codes[2].source", "codes[4].valid_to", "codes[5].colour", "codes",
    }  # fmt: skip


def test_every_fault_of_the_packet_is_reported_at_once() -> None:
    broken = copy.deepcopy(raw("packet"))
    broken["items"][0]["gates"] = []
    broken["items"][1]["code"] = "age"
    del broken["items"][9]["attestation"]
    del broken["bleeding_rate"]["min_days"]
    broken["severity"].reverse()
    del broken["manufacturers"]["IDELVION"]["source"]
    found, faults = parse_packet(broken)
    assert found is None
    assert {f.key for f in faults} == {
        "items[0].gates", "items", "items[9].attestation", "bleeding_rate.min_days", "severity",
        "manufacturers.IDELVION.source",
    }  # fmt: skip


def test_an_edited_released_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in data.CATALOG.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edited = tmp_path / "codes_v1.toml"
    edited.write_text(edited.read_text().replace("J3490", "J3491"))
    assert [f.message for f in workflow_data.lock_faults([tmp_path])] == [
        "was edited after its release: make a new version instead"
    ]


@pytest.mark.parametrize(
    ("text", "good"),
    [("1234567893", True), ("1234567890", False), ("123456789", False), ("١234567893", False)],
)
def test_an_npi_has_a_check_digit(text: str, good: bool) -> None:
    assert is_npi(text) is good
