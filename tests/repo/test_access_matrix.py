"""Every address has a row in the access matrix, and every row an address: a new route is closed by default."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, get_resolver
from django.urls.resolvers import URLResolver

from patients import matrix
from patients.models.people import ROLES

VERBS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
PATIENT_PARTS = ("patient", "result", "task", "alert", "course")


# An importer sees what became of its own files.
RELEASED = {"api:contract-milestones", "api:export-file", "api:export-rows", "payer-file"}
"""A payer's analyst sees here what is released, read as a role that sees nothing else."""
AUDIT = {
    "admin:erasures",
    "api:audit-events",
    "api:audit-reads",
    "api:patient-reads",
    "admin:audit",
    "admin:audit-reads",
    "admin:patient-reads",
}
"""Who did what: ids of patients, never what is recorded about them."""
MERGES = {"api:merge", "admin:merge", "admin:merges"}
"""Who merges two records must see what they say differently and what would change."""
OWN_IMPORTS = {"api:imports", "api:import", "api:import-items", "api:import-errors"}


def routes(resolver: URLResolver | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the product by its full name."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern, inner)
        else:
            yield f"{space}{pattern.name or pattern.lookup_str}", pattern


def methods(pattern: URLPattern) -> set[str]:
    view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    return {verb for verb in VERBS if view is not None and hasattr(view, verb.lower())}


def test_every_route_has_a_row() -> None:
    missing = sorted({name for name, _ in routes() if not matrix.row_of(name)})
    assert not missing, f"without a row: {missing}"


def test_every_row_has_a_route() -> None:
    used = {matrix.row_of(name) for name, _ in routes()}
    assert sorted(set(matrix.rows()) - used) == []


def test_every_method_of_an_api_route_is_in_its_row() -> None:
    for name, pattern in routes():
        if name.startswith(("api:", "fhir:")) and methods(pattern):
            assert methods(pattern) == set(matrix.rows()[name]), name


def test_rows_name_known_roles_only() -> None:
    known = {*ROLES, matrix.OPEN, matrix.SIGNED_IN, matrix.EMERGENCY}
    for name, row in matrix.rows().items():
        for method, roles in row.items():
            assert method in VERBS and roles <= known, (name, method, roles)


def test_patient_data_is_never_open() -> None:
    for name in matrix.patient_data():
        for method, roles in matrix.rows()[name].items():
            importers = set() if name in OWN_IMPORTS else {"lab_importer"}
            analysts = set() if name in RELEASED else {"payer_analyst"}
            assert not roles & {matrix.OPEN, matrix.SIGNED_IN, *analysts, *importers}, (name, method)


def test_every_route_below_a_patient_counts_as_patient_data() -> None:
    for name, pattern in routes():
        if name.startswith("api:") and any(
            f"<uuid:{part}>" in str(pattern.pattern) for part in PATIENT_PARTS
        ):
            assert matrix.holds_patient_data(name), name


def granted(role: str, writing: bool) -> set[str]:
    """Routes (other than open ones) that a role may read, or write to."""
    return {
        name
        for name, row in matrix.rows().items()
        for method, roles in row.items()
        if role in roles and (method != "GET") == writing
    }


def test_readers_write_nothing_and_importers_see_no_patient() -> None:
    assert granted("auditor", writing=True) <= {"api:emergency-review", "admin:emergency-reviews"}
    assert granted("lab_importer", writing=True) == {"api:imports"}
    assert granted("payer_analyst", writing=True) == set()
    assert granted("lab_importer", writing=False) & matrix.patient_data() == OWN_IMPORTS
    assert granted("payer_analyst", writing=False) & matrix.patient_data() == RELEASED
    assert granted("site_admin", writing=False) & matrix.patient_data() <= {
        "admin:index",
        "admin:patients_*sealedevent_*",
        "admin:emergency-reviews",
        "api:emergencies",
        *AUDIT,
        *MERGES,
    }


def test_only_a_clinician_orders_steroids_voids_and_attests() -> None:
    both = granted("clinician", writing=True) - granted("coordinator", writing=True)
    assert both == {
        "api:milestone-attest",
        "api:steroid-courses",
        "api:steroid-course",
        "api:infusion-override-confirm",
        "api:infusion-void",
        "api:infusion-void-confirm",
        "api:prophylaxis-stop",
        "api:transfer",
        "api:transfers",
        "api:erase",
        "api:emergencies",
        "api:emergency-end",
        "admin:emergency",
        "admin:emergency-reviews",
        "admin:transfers",
        "admin:milestone",
        "admin:void",
        "admin:taper",
    }
    assert granted("coordinator", writing=True) - granted("clinician", writing=True) == {
        "api:exports",
        "admin:export-new",
    }


def test_the_workplace_is_closed_to_importers_analysts_and_auditors() -> None:
    for name in matrix.rows():
        if name.startswith("admin:"):
            assert not matrix.roles(name, "GET") & {"lab_importer", "payer_analyst", "auditor"}, name


def test_an_unknown_route_is_open_to_nobody() -> None:
    assert matrix.roles("api:nosuch", "GET") == frozenset()
    assert matrix.roles("api:patients", "DELETE") == frozenset()
