"""What leaves: no identifier of a person in any profile, no code shared by two contracts, no small group."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import duckdb
import pytest

from patients import access
from patients.models import Patient
from tests.disclosure.conftest import COPIES, TOKEN
from tests.exports.conftest import CONTRACT, Cohort
from tests.exports.test_package import FIXED, exported, rows
from tests.factories.clones import clone

IDENTIFIERS = {
    "telephone or fax": r"\b\d{3}-\d{4}\b",
    "mail": r"[\w.]+@[\w.]+",
    "address on the web": r"https?://",
    "social security number": r"\b\d{3}-\d{2}-\d{4}\b",
    "address of a computer": r"\b\d{1,3}(\.\d{1,3}){3}\b",
    "record number": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    "lot": r"\bL\d{5}\b",
}
FULL = 5000
DATE = re.compile(r"\b(19|20)\d{2}-\d{2}-\d{2}")


@pytest.fixture(scope="module")
def folders(crowd: Cohort, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return packages(tmp_path_factory)


def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each profile of one contract, and a de-identified package of the other contract of the same people."""
    made = {
        profile: exported(tmp_path_factory.mktemp(profile), profile=profile, formats="csv,parquet", **FIXED)
        for profile in ("limited_data_set", "safe_harbor", "aggregate")
    }
    other = tmp_path_factory.mktemp("other")
    return {**made, "other": exported(other, contract="sample-warranty", profile="safe_harbor", **FIXED)}


def texts(folder: Path) -> dict[str, str]:
    """Everything that leaves as text, the manifest's own description of a contract apart."""
    found = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if p.suffix in (".csv", ".json")}
    found["datapackage.json"] = re.sub(r'"contract": \{.*?\}', "", found["datapackage.json"], flags=re.S)
    return found


def people() -> int:
    with access.everywhere(by="test"):
        return Patient.objects.count()


def test_the_crowd_holds_very_old_people(crowd: Cohort) -> None:
    with access.everywhere(by="test"):
        born = {p.birth_date.year for p in Patient.objects.all()}
    assert people() >= COPIES + 2
    assert {2027 - 88, 2027 - 105} <= born


@pytest.mark.parametrize("profile", ["limited_data_set", "safe_harbor", "aggregate", "other"])
def test_no_identifier_and_no_typed_text_leaves(folders: dict[str, Path], profile: str) -> None:
    """A limited data set keeps the payer's name, and with it what was typed there."""
    with access.everywhere(by="test"):
        people = Patient.objects.values_list("code", "mrn", "family_name")
        known = {text for person in people for text in person}
    for name, text in texts(folders[profile]).items():
        text = text.replace(f"{TOKEN} plan of Anna", "") if profile == "limited_data_set" else text
        for kind, pattern in IDENTIFIERS.items():
            assert not re.search(pattern, text), (name, kind)
        assert TOKEN not in text and "Anna" not in text, name
        assert not {word for word in re.findall(r"[\w-]+", text) if word in known}, name


@pytest.mark.parametrize("profile", ["safe_harbor", "aggregate", "other"])
def test_a_de_identified_package_has_no_date_and_no_site(folders: dict[str, Path], profile: str) -> None:
    for name, text in texts(folders[profile]).items():
        assert {m[0] for m in DATE.finditer(text)} <= {"2027-03-01"}, name
        assert not re.search(r"\bnorth\b|Centre North", text), name


def test_parquet_holds_what_the_table_holds(folders: dict[str, Path]) -> None:
    path = folders["safe_harbor"] / "milestones.parquet"
    found = duckdb.sql(f"select * from read_parquet('{path}')").fetchall()
    assert len(found) == len(rows(folders["safe_harbor"], "milestones")) == people() * 6
    assert TOKEN not in str(found)


def test_two_contracts_share_no_subject_code(folders: dict[str, Path]) -> None:
    first, second = (
        {row["subject_id"] for row in rows(folders[name], "milestones")} for name in ("safe_harbor", "other")
    )
    assert len(first) == len(second) == people()
    assert not first & second
    assert all(re.fullmatch(r"SU[A-Z2-9]{8}", code) for code in first | second)


def test_groups_are_large_in_every_export_and_between_any_two(
    crowd: Cohort, folders: dict[str, Path], tmp_path: Path
) -> None:
    days = ("2026-06-01", "2027-02-01")
    made = [folders["aggregate"]]
    made += [
        exported(tmp_path / on, profile="aggregate", as_of=on, as_known_at=FIXED["as_known_at"])
        for on in days
    ]
    counts = [{(r["month"], r["measure"]): int(r["n"]) for r in rows(f, "aggregate") if r["n"]} for f in made]
    assert all(n >= 11 for found in counts for n in found.values())
    for first, second in combinations(counts, 2):
        assert not [k for k in first.keys() & second.keys() if 1 <= abs(first[k] - second[k]) <= 10]
    assert {p.name for p in folders["aggregate"].glob("*.csv")} == {"aggregate.csv", "dictionary.csv"}


def test_a_contract_is_named_in_every_row(folders: dict[str, Path]) -> None:
    assert {row["contract_id"] for row in rows(folders["aggregate"], "aggregate")} == {CONTRACT}


@pytest.mark.slow
def test_five_thousand_people(crowd: Cohort, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of the above on 5,000 people aged 50 to 119."""
    for mrn in (f"{TOKEN}-24", f"{TOKEN}-14"):
        clone(
            crowd.patients[mrn],
            (FULL - people()) // 2 if mrn.endswith("24") else FULL - people(),
            first=COPIES,
        )
    assert people() == FULL
    made = packages(tmp_path_factory)
    test_the_crowd_holds_very_old_people(crowd)
    for profile in made:
        test_no_identifier_and_no_typed_text_leaves(made, profile)
        if profile != "limited_data_set":
            test_a_de_identified_package_has_no_date_and_no_site(made, profile)
    test_parquet_holds_what_the_table_holds(made)
    test_two_contracts_share_no_subject_code(made)
    test_groups_are_large_in_every_export_and_between_any_two(crowd, made, tmp_path_factory.mktemp("groups"))
