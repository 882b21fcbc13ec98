"""What reading laboratory files costs, without a database."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench.measuring import Figure

RUNS = 5


def median_s(work: Callable[[], Any]) -> float:
    spent = []
    for _ in range(RUNS):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return statistics.median(spent)


def figures() -> Iterator[Figure]:
    yield Figure("ORU messages of 12 observations, parsed", oru(), "messages/s", 200, least=True)
    yield Figure("the same, with their meaning", oru(interpreted=True), "messages/s", 200, least=True)
    yield Figure("FHIR Observations, mapped", observations(), "items/s", 3000, least=True)
    yield Figure("the same, one a line", observations(lines=True), "items/s", 3000, least=True)
    yield Figure("an XLSX of 10,000 rows", workbook(), "s CPU", 3)
    yield Figure("the same with a cell that holds an error", workbook(failed=True), "s CPU", 3)
    yield Figure("a CSV of 10,000 rows", table(), "s CPU")


def oru(*, interpreted: bool = False, messages: int = 300) -> float:
    from tests.readers.messages import meant, message, obx, parcels

    data = message(*[obx(range="7-56", sub=str(n)) for n in range(12)]) * messages

    def work() -> None:
        for parcel in parcels(data):
            for item in parcel.items if interpreted else ():
                meant(item)

    return messages / median_s(work)


def observations(*, lines: bool = False, items: int = 3000) -> float:
    from tests.readers.messages import bundle, fhir, json_bytes, ndjson, observation, patient, quantity

    told = [
        observation(id=f"o{n}", referenceRange=[{"low": quantity(7), "high": quantity(56)}])
        for n in range(items)
    ]
    if lines:
        data = b"\n".join(map(json_bytes, [patient(), *told]))
        return items / median_s(lambda: ndjson(data))
    whole = json_bytes(bundle(patient(), *told))
    return items / median_s(lambda: fhir(whole))


COLUMNS = [
    "mrn", "family_name", "birth_date", "loinc", "value", "unit", "collected_at", "reference_low", "reference_high",
]  # fmt: skip


def rows(count: int = 10_000) -> list[list[Any]]:
    return [
        [
            f"M{n % 200}",
            "Doe",
            "1985-05-17",
            "1742-6",
            n % 90 + 0.5,
            "U/L",
            f"2026-03-01T08:{n % 60:02}:00Z",
            7,
            56,
        ]
        for n in range(count)
    ]


def workbook(*, failed: bool = False) -> float:
    from openpyxl import Workbook

    from tests.readers.messages import saved, sheet_rows

    book = Workbook()
    for row in [COLUMNS, *rows()]:
        book.active.append(row)
    if failed:
        book.active["E9"].value, book.active["E9"].data_type = "#N/A", "e"
    data = saved(book)
    return median_s(lambda: sheet_rows(data))


def table() -> float:
    from tests.readers.messages import csv_rows

    text = io.StringIO()
    for row in [COLUMNS, *rows()]:
        text.write(",".join(map(str, row)) + "\n")
    return median_s(lambda: csv_rows(text.getvalue()))
