"""What a team's server runs: deployments with typed parameters, a schedule, red clocks told once and without a person."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import clocks
from flows.clocks import red_clocks, tell_red_clocks
from flows.docs import ROOT
from flows.rounds import open_round
from matching.errors import OperatorError, TryAgainLater, UsageError
from notify.email.settings import EmailSettings
from notify.email.sink import certificate
from notify.facts import Email
from tests import email_relay

LATE = date(2026, 5, 20)


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A server of this machine takes the mail; two people are to be told."""
    made = certificate(tmp_path)
    handler = email_relay.Handler()
    with email_relay.serving(handler, made) as port:
        settings = email_relay.settings(port, made)
        monkeypatch.setattr(clocks.step_settings, "email", lambda incident: settings)
        monkeypatch.setattr(
            clocks,
            "_addressees",
            lambda incident: ("one@northwind.example", "two@northwind.example"),
        )
        yield handler


def test_red_clocks_are_those_that_run_and_are_overdue_or_nearly(demo: Path) -> None:
    workspace, _ = open_round(demo)
    found = red_clocks(workspace, on=LATE, within_days=3)
    assert found
    assert all(red.days_left <= 3 for red in found)
    assert [red.days_left for red in found] == sorted(red.days_left for red in found)
    assert len(red_clocks(workspace, on=LATE, within_days=400)) > len(found)


def test_they_are_told_once_a_day_and_name_nobody(demo: Path, relay: Any) -> None:
    said = tell_red_clocks(demo, on=LATE)
    assert (said["told"], said["not_told_because"]) == (2, None)
    assert said["red"] > 0
    again = tell_red_clocks(demo, on=LATE)
    assert (again["told"], again["not_told_because"]) == (0, "told before on this day")
    next_day = tell_red_clocks(demo, on=date(2026, 5, 21))
    assert next_day["told"] == 2
    texts = [str(message) for message in relay.taken]
    assert len(texts) == 4
    workspace, _ = open_round(demo)
    streets = workspace.scan("leaked").select("street").collect()["street"].drop_nulls()
    assert not any(street in text for street in streets for text in texts)
    acts = [
        json.loads(line) for line in (demo / "evidence" / "audit.jsonl").read_text().splitlines()
    ]
    assert [act["told"] for act in acts if act["act"] == "clocks"] == [2, 2]


def test_nobody_named_or_nothing_red_is_said(demo: Path) -> None:
    assert "clocks_to is empty" in tell_red_clocks(demo, on=date(2026, 5, 22))["not_told_because"]
    assert tell_red_clocks(demo, on=date(2025, 1, 1))["not_told_because"] == "no clock is red"


def test_a_made_up_incident_writes_to_this_machine_only(demo: Path, monkeypatch) -> None:
    settings = email_relay.settings(25, None)
    away = settings.model_copy(
        update={
            "email": Email.model_validate({"from": "n@x.example", "host": "mail.example"}),
            "incident": settings.incident.model_copy(update={"synthetic": True}),
        }
    )
    assert isinstance(away, EmailSettings)
    monkeypatch.setattr(clocks.step_settings, "email", lambda incident: away)
    monkeypatch.setattr(clocks, "_addressees", lambda incident: ("one@northwind.example",))
    with pytest.raises(OperatorError, match=r"not this machine"):
        tell_red_clocks(demo, on=date(2026, 5, 23))


def test_flows_give_back_what_their_commands_say(demo: Path, monkeypatch) -> None:
    """Counts only: Prefect keeps what a flow gives back in the clear."""
    from flows import served

    asked: list[Any] = []

    def take(root: Path, files: list[Path], *, by: str) -> dict[str, Any]:
        asked.append((root, files, by))
        return {
            "files": [{"taken": 3}, {"before": True}],
            "ledger_identities": 0,
            "secret": "SMITH",
        }

    monkeypatch.setattr(served, "take_returns", take)
    given = served.take_in_returns.fn(str(demo), ["a.csv", "b.csv"], "R. Vance")
    assert given == {"files": 2, "taken": 3, "in_no_place": 0}
    assert asked == [(demo, [Path("a.csv"), Path("b.csv")], "R. Vance")]
    assert served.watch_clocks.fn(str(demo), 3)["schema"] == "affected.clocks/1"


def test_a_port_that_is_taken_and_a_schedule_that_is_none_are_said(demo: Path, monkeypatch) -> None:
    from flows import serve

    with serve.socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(TryAgainLater, match="taken; name another"):
            serve._refuse_taken(taken.getsockname()[1])
    with pytest.raises(UsageError, match="write it as cron does"):
        serve._check_cron("every morning")


def test_schedules_of_a_team_are_off_until_somebody_turns_them_on() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    schedules = [each for deployment in deployments for each in deployment.get("schedules", ())]
    assert schedules
    assert not any(each["active"] for each in schedules)
    assert all(re.fullmatch(r"(\S+ ){4}\S+", each["cron"]) for each in schedules)


def test_a_served_incident_runs_what_it_is_asked_to(demo: Path, tmp_path: Path) -> None:
    """The real server and runner: the clocks' deployment, started from outside, ends well."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    serving = subprocess.Popen(
        [sys.executable, "-m", "flows", "serve", str(demo), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
    )  # fmt: skip
    try:
        lines = []
        for line in serving.stdout:
            lines.append(line)
            if line.rstrip() == "}":
                break
        said = json.loads("".join(lines))
        assert said["deployments"] == ["run/ws", "returns/ws", "clocks/ws"]
        started = subprocess.run(
            [sys.executable, "-c", ASK],
            env={**environment, "PREFECT_API_URL": f"{said['address']}/api", "PREFECT_HOME": str(tmp_path)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert started.stdout.split() == ["COMPLETED"], started.stderr[-2000:]
    finally:
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=60)
    assert serving.returncode == 0


ASK = """
from prefect.deployments import run_deployment
print(run_deployment("clocks/ws", timeout=240, as_subflow=False).state.type.value)
"""
