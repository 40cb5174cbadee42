"""How many requests a second `stockroom serve` answers for one item's recommendation, beside a bare FastAPI on the same machine.

Belongs here: measuring, and docs/benchmarks-api.md. Does not belong here: whether answers are right (tests/serving).

`make bench-api`. Needs a published snapshot (`make run`) and wrk (`apt install wrk`). Every round measures both, one after the other, so that
what else the machine does falls on both.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
import requests
from rich.console import Console

from dagster_project.settings import PROJECT_ROOT, Settings

ROUNDS, SECONDS, CONNECTIONS, WORKERS = 5, 3, 16, 2
AIM_PER_SECOND, AIM_P99_MS, AIM_WHAT_IF_MS = 1_500, 20, 100
PAGE = PROJECT_ROOT / "docs" / "benchmarks-api.md"
HELLO = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/hello")
async def hello():
    return {"hello": "world"}
"""
MANY = """
local paths = {}
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
local number = 0
request = function() number = number % #paths + 1; return wrk.format("GET", paths[number]) end
"""
_HEAD = """# Benchmarks of the API

Measured by `make bench-api` on {day}, Python {python}, over the loopback with wrk. "One item" asks for the same recommendation again and again, "all
items in turn" for every item in every store, so that most answers are made from the rows in memory before they are kept. "Bare FastAPI" is one
route that returns a constant, in the same number of workers, without keys, log, figures or tags; it was measured right before the others in every round, so
the last column compares what the same machine could do in the same half minute.

"""
console = Console(width=130)


@dataclass(frozen=True)
class Load:
    """What wrk found: answers per second, and the time that half and 99 of 100 of them took."""

    per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    settings = Settings.from_env()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed. Next: apt install wrk")
    if not (settings.published / "current").exists():
        raise SystemExit(f"{settings.published}: nothing is published. Next: make run")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        (home / "hello.py").write_text(HELLO)
        (home / "many.lua").write_text(MANY)
        hello = stack.enter_context(_server([*_UVICORN, "hello:app", "--workers", str(WORKERS)], "/hello", home))
        api = stack.enter_context(_server([*_STOCKROOM, "--workers", str(WORKERS)], "/ready", home))
        pairs = _pairs(api)
        (home / "paths").write_text("\n".join(f"/v1/recommendations/{item}/{store}" for item, store in pairs))
        one = f"{api}/v1/recommendations/{pairs[0][0]}/{pairs[0][1]}"
        found: dict[str, list[Load]] = {"bare FastAPI": [], "one item": [], "all items in turn": []}
        for number in range(ROUNDS):
            found["bare FastAPI"].append(_wrk(f"{hello}/hello", home))
            found["one item"].append(_wrk(one, home))
            found["all items in turn"].append(_wrk(api, home, "many.lua"))
            told = ", ".join(f"{name} {loads[-1].per_second:,.0f}/s" for name, loads in found.items())
            console.print(f"round {number + 1} of {ROUNDS}: {told}; load of the machine {os.getloadavg()[0]:.1f}")
        what_if = _what_if(api)
    text = _report(found, what_if, len(pairs))
    console.print(text, markup=False)
    PAGE.write_text(_HEAD.format(day=date.today(), python=sys.version.split()[0]) + text + "\n")
    console.print(f"Written to {PAGE}")


_UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
_STOCKROOM = [str(Path(sys.executable).with_name("stockroom")), "serve"]


@contextlib.contextmanager
def _server(command: list[str], path: str, home: Path) -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with (home / f"log_{port}").open("w") as log:
        process = subprocess.Popen([*command, "--port", str(port)], cwd=home, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError):
                if all(requests.get(url + path, timeout=30).ok for _ in range(10)):
                    break
            if process.poll() is not None:
                raise SystemExit((home / f"log_{port}").read_text())
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _pairs(api: str) -> list[tuple[int, int]]:
    """All items in stores, by the pages of the API itself."""
    found, cursor = [], ""
    while cursor is not None:
        page = requests.get(
            f"{api}/v1/recommendations?columns=item_id,location_id&limit=10000" + (f"&cursor={cursor}" if cursor else ""),
            timeout=60,
        ).json()
        found += [(row["item_id"], row["location_id"]) for row in page["data"]]
        cursor = page["next"]
    return found


def _wrk(url: str, home: Path, script: str = "") -> Load:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *(["-s", script] if script else []), url]
    result = subprocess.run(
        command, cwd=home, env={**os.environ, "PATHS": str(home / "paths")}, capture_output=True, text=True, check=True
    )
    if "Non-2xx" in result.stdout or "Socket errors" in result.stdout:
        raise SystemExit(f"{url}: answers with errors\n{result.stdout}")
    found = {share: re.search(rf"^\s+{share}%\s+([\d.]+(?:us|ms|s))$", result.stdout, re.MULTILINE) for share in (50, 99)}
    if not all(found.values()):
        raise SystemExit(f"{url}: wrk says nothing of the time answers took\n{result.stdout}")
    p50, p99 = (_milliseconds(match[1]) for match in found.values())
    return Load(float(re.search(r"Requests/sec:\s+(\S+)", result.stdout)[1]), p50, p99)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _what_if(api: str) -> list[float]:
    """Milliseconds of 60 decisions on one series of a year of weeks, one after another."""
    series = {"unique_id": "a", "history": [float(10 + week % 7) for week in range(52)], "on_hand": 20.0, "lead_time_periods": 2}
    question = orjson.dumps({"series": [{**series, "holding_cost": 0.05, "shortage_cost": 2.0}]})
    taken = []
    with requests.Session() as session:
        for _ in range(60):
            began = time.perf_counter()
            answer = session.post(f"{api}/v1/what-if", data=question, headers={"Content-Type": "application/json"}, timeout=60)
            taken.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
    return taken[10:]


def _report(found: dict[str, list[Load]], what_if: list[float], pairs: int) -> str:
    lines = [
        "| | requests/s: median (lowest to highest) | p50 ms | p99 ms: median (lowest to highest) | of bare FastAPI |",
        "|---|---|---|---|---|",
    ]
    for name, loads in found.items():
        rate, p50, p99 = ([getattr(load, field) for load in loads] for field in ("per_second", "p50_ms", "p99_ms"))
        share = statistics.median(
            load.per_second / bare.per_second for load, bare in zip(loads, found["bare FastAPI"], strict=True)
        )
        lines.append(
            f"| {name} | {statistics.median(rate):,.0f} ({min(rate):,.0f} to {max(rate):,.0f}) | {statistics.median(p50):.1f}"
            f" | {statistics.median(p99):.1f} ({min(p99):.1f} to {max(p99):.1f}) | {share:.2f} |"
        )
    one = found["one item"]
    rate, p99 = statistics.median(load.per_second for load in one), statistics.median(load.p99_ms for load in one)
    decided = statistics.median(what_if)
    highest = sorted(what_if)[int(0.95 * len(what_if))]
    lines += [
        "",
        f"What-if, one series of 52 weeks: median {decided:.0f} ms, 95th of 100 {highest:.0f} ms, of {len(what_if)} one after another.",
        "",
        "| aim | reached | |",
        "|---|---|---|",
        f"| one item: {AIM_PER_SECOND:,} requests/s | {rate:,.0f} | {_word(rate >= AIM_PER_SECOND)} |",
        f"| one item: p99 of {AIM_P99_MS} ms | {p99:.1f} ms | {_word(p99 <= AIM_P99_MS)} |",
        f"| what-if: {AIM_WHAT_IF_MS} ms | {decided:.0f} ms | {_word(decided <= AIM_WHAT_IF_MS)} |",
        "",
        f"{ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, {WORKERS} workers, {os.cpu_count()} processors shared with wrk and whatever else ran; load of"
        f" the machine at the end {os.getloadavg()[0]:.1f}. {pairs:,} items in stores. Every request is logged and counted.",
    ]
    return "\n".join(lines)


def _word(reached: bool) -> str:
    return "yes" if reached else "no"


if __name__ == "__main__":
    main()
