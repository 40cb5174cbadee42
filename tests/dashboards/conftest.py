"""A Superset of these tests' own, over a published snapshot of `make run`, and a browser in front of it.

Belongs here: starting and ending both. Does not belong here: what pages must show.
Run by `make test-dashboard`; skipped, with the reason, where something is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dagster_project.publish.snapshot import publish_snapshot
from dagster_project.publish.superset import publish_to_superset, serve_command
from dagster_project.settings import Settings

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")


@dataclass(frozen=True)
class Server:
    """A running Superset."""

    url: str
    settings: Settings
    password: str


@pytest.fixture(scope="session")
def chromium() -> str:
    """A browser, where these tests are asked for and there is something to show."""
    if not os.environ.get("TEST_DASHBOARD"):
        pytest.skip("make test-dashboard runs it")
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium or no chromedriver here: apt-get install chromium chromium-driver")
    if not Settings().warehouse.exists():
        pytest.skip(f"{Settings().warehouse}: no warehouse yet; make run")
    return CHROMIUM


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Superset, prepared from nothing, over a snapshot in which every chart that a command fills has been filled."""
    given = Settings()  # what make run made
    home = tmp_path_factory.mktemp("superset")
    settings = Settings(
        source_dir=given.source_dir,
        warehouse=home / "stockroom.duckdb",
        published_dir=home / "published",
        superset_home=home / "server",
    )
    shutil.copyfile(given.warehouse, settings.warehouse)
    stockroom = Path(sys.executable).with_name("stockroom")
    for command in (["replay", "--policies", "quantile,eoq_textbook"], ["what-if", "--parameter", "service_level"]):
        subprocess.run(
            [stockroom, *command, "--sample", "200", "--warehouse", settings.warehouse], check=True, capture_output=True
        )
    publish_snapshot(settings)
    publish_to_superset(settings)
    port = _free_port()
    log = home / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(serve_command(settings, port), stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, log)
        yield Server(url, settings, (settings.superset_home / "admin_password").read_text())
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5)
            return
        except (OSError, urllib.error.URLError):
            time.sleep(1)
    raise AssertionError(f"Superset did not start:\n{log.read_text()[-3000:]}")


class Browser:
    """A page in a headless Chromium, and what it asked of the server."""

    def __init__(self, server: Server, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = CHROMIUM
        for flag in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
            "--disable-component-update", "--disable-sync", "--window-size=1400,2000", f"--user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(flag)
        # no start page of its own, which asks for hundreds of files and for addresses elsewhere
        options.add_experimental_option("prefs", {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.server = server
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.asked: dict[str, str] = {}
        self.blocked: dict[str, str] = {}

    def log_in(self) -> None:
        self.driver.get(f"{self.server.url}/login/")
        password = self.wait(lambda: self.find("input[type=password]"))[0]
        self.find("input[type=text]")[0].send_keys("admin")
        password.send_keys(self.server.password)
        password.submit()
        self.wait(lambda: "/login" not in self.driver.current_url)

    def find(self, selector: str) -> list:
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, condition, seconds: float = 180):
        """What the condition gives as soon as it is not empty."""
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, f"waited {seconds} s at {self.driver.current_url}"
            time.sleep(0.3)
        return found

    def fetch(self, path: str, body: dict | None = None) -> dict:
        """JSON of the server's API, asked by the page itself."""
        script = """
            const [path, body, done] = arguments;
            const post = async () => {
                const token = (await (await fetch('/api/v1/security/csrf_token/')).json()).result;
                return {method: 'POST', headers: {'Content-Type': 'application/json', 'X-CSRFToken': token}, body: JSON.stringify(body)};
            };
            (async () => { const answer = await fetch(path, body ? await post() : {}); done(await answer.json()); })();
        """
        return self.driver.execute_async_script(script, path, body)

    def answers(self) -> list[tuple[str, dict]]:
        """Address and JSON of each answer with a chart's data since the last call; notes who else was asked, and what was blocked."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            told, number = message["params"], message["params"].get("requestId")
            if message["method"] == "Network.requestWillBeSent":
                self.asked[number] = told["request"]["url"]
            elif message["method"] == "Network.loadingFailed" and told.get("blockedReason"):
                self.blocked[number] = told["blockedReason"]
            elif message["method"] == "Network.loadingFinished" and "/api/v1/chart/data" in self.asked.get(number, ""):
                body = self.driver.execute_cdp_cmd("Network.getResponseBody", {"requestId": number})["body"]
                found.append((self.asked[number], json.loads(body)))
        return found

    def strangers(self) -> list[str]:
        """Addresses beyond the server that were asked and not blocked."""
        own = (self.server.url, "data:", "blob:", "about:", "chrome:")
        return [url for number, url in self.asked.items() if not url.startswith(own) and number not in self.blocked]


@pytest.fixture(scope="session")
def browser(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(server, tmp_path_factory.mktemp("profile"))
    try:
        browser.log_in()
        yield browser
    finally:
        browser.driver.quit()
