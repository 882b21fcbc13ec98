"""`make bench`: what Daymark costs on this machine, beside its targets; a table, then JSON in `var/bench.json`.

`python -m tests.bench [--patients N] [--sweep N] [--exports N,N] [--only core,intake,…]`. Everything runs on a throw-away PostgreSQL
with a generated cohort (see `cohort`). CPU is that of this process and of its PostgreSQL backend, so that other work
on the machine matters little; comparisons are made within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench import audit, core, exports, intake, load, pages, readers, sweep
from tests.bench.measuring import Figure, database

COHORT: dict[str, Callable[[], Iterator[Figure]]] = {
    "core": core.figures, "intake": intake.figures, "audit": audit.figures, "pages": pages.figures,
    "load": load.figures,
}  # fmt: skip


def main() -> None:
    asked = _arguments()
    found = {**dict(_on_a_cohort(asked)), **dict(_alone(asked))}
    _write(asked, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--patients", type=int, default=1000, help="size of the cohort with results")
    parser.add_argument("--sweep", type=int, default=100_000, help="size of the cohort of the sweep")
    parser.add_argument("--exports", default="1000,10000", help="sizes of the cohort of exports and figures")
    parser.add_argument("--only", default="", help="groups, comma-separated")
    return parser.parse_args()


def _on_a_cohort(asked: argparse.Namespace) -> Iterator[tuple[str, list[Figure]]]:
    groups = [name for name in COHORT if _wanted(asked, name)]
    if not groups:
        return
    with database():
        from django.utils import timezone

        from tests.bench import cohort

        cohort.build(asked.patients, today=timezone.localdate())
        for name in groups:
            yield name, _shown(f"{name}, {asked.patients} patients", COHORT[name]())


def _alone(asked: argparse.Namespace) -> Iterator[tuple[str, list[Figure]]]:
    if _wanted(asked, "sweep"):
        with database():
            yield "sweep", _shown(f"sweep, {asked.sweep} patients", sweep.figures(asked.sweep))
    if _wanted(asked, "exports"):
        with database():
            sizes = [int(n) for n in asked.exports.split(",")]
            yield "exports", _shown("exports and figures", exports.figures(sizes))
    if _wanted(asked, "readers"):
        yield "readers", _shown("readers", readers.figures())


def _wanted(asked: argparse.Namespace, group: str) -> bool:
    return not asked.only or group in asked.only.split(",")


def _shown(title: str, figures: Iterator[Figure]) -> list[Figure]:
    print(f"\n{title}", flush=True)
    found = []
    for figure in figures:
        found.append(figure)
        print(f"  {figure.shown()}", flush=True)
    return found


def _write(asked: argparse.Namespace, found: dict[str, list[Figure]]) -> None:
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    told = {
        "machine": machine, "patients": asked.patients, "sweep": asked.sweep, "exports": asked.exports,
        "figures": {name: [{**asdict(f), "verdict": f.verdict} for f in rows] for name, rows in found.items()},
    }  # fmt: skip
    target = Path("var") / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(told, indent=1) + "\n")
    print(f"\nwritten to {target}")


if __name__ == "__main__":
    main()
