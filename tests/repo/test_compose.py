"""The containers run the same code and the same commands as `make demo`; images are pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.serve import COMMANDS, WORKER_ROLE

ROOT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


@pytest.mark.parametrize("name", ["web", "worker", "long", "beat"])
def test_a_container_runs_the_supervisors_command(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    ours = [a.replace("$PORT", "8000") for a in COMMANDS[name]]
    assert [Path(program).name, *arguments] == ours


def test_background_processes_have_their_role() -> None:
    for name in ("worker", "long", "beat"):
        assert SERVICES[name]["environment"] == WORKER_ROLE


def test_each_machine_may_run_a_part_and_the_example_runs_all() -> None:
    parts = {part for service in SERVICES.values() for part in service["profiles"]}
    told = next(
        x for x in (ROOT / ".env.example").read_text().splitlines() if x.startswith("COMPOSE_PROFILES=")
    )
    assert parts == set(told.partition("=")[2].split(",")) == {"data", "web", "work"}
    for name in ("web", "worker", "long", "beat"):
        assert all(need["required"] is False for need in SERVICES[name]["depends_on"].values())


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_images_are_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z]+", SERVICES[name]["image"])


def test_the_dockerfile_is_pinned_and_runs_as_a_user() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", text, re.M)
    assert re.search(r"^USER (?!root)", text, re.M)


def test_every_needed_variable_is_in_the_example() -> None:
    from config.env import REQUIRED, REQUIRED_KEYS

    names = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()}
    assert {*REQUIRED, *REQUIRED_KEYS} <= names
