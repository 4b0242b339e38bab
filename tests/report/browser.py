#!/usr/bin/env python3
"""Opens reports in headless Chromium, driven by chromedriver: every chart draws, the console stays empty, nothing is requested but
the file, tabs, zoom, keyboard and the dark theme work, at 1280 and at 390 pixels. usage: browser.py GRADUS [SCREENSHOTS]"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

GRADUS = sys.argv[1]
SCREENSHOTS = Path(sys.argv[2]) if len(sys.argv) > 2 else None
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=1").split()


class Browser:
    """A WebDriver session (W3C) with the console and the network logged."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = ""
        for _ in range(200):
            try:
                self.call("GET", "/status")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        options = {"args": [*FLAGS, f"--user-data-dir={folder}"], "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.session}{path}", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def run(self, script, *values):
        return self.call("POST", "/execute/sync", {"script": script, "args": values})

    def open(self, page, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})
        self.call("POST", "/url", {"url": page.as_uri()})

    def keys(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def drag(self, x, y, to_x):
        moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 0}, {"type": "pointerDown", "button": 0},
                 {"type": "pointerMove", "x": to_x, "y": y, "duration": 50}, {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def picture(self, name):
        if SCREENSHOTS:
            (SCREENSHOTS / name).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()


def check(good, what):
    if not good:
        raise SystemExit(f"FAILED: {what}")


DRAWN = """return [...document.querySelectorAll('canvas')].map(c => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  for (let i = 3; i < d.length; i += 4) if (d[i]) return true;
  return false; })"""
RANGE = "const c = Chart.getChart(document.querySelector('.chart canvas')).scales.x; return [c.min, c.max]"


def look_at_tabs(browser, size):
    names = browser.run("return [...document.querySelectorAll('#tabs button')].map(b => b.textContent)")
    check(names == ["Overview", "Steps", "Layers", "Findings", "Weights", "Rows"], f"tabs: {names}")
    least = {"Overview": 2, "Steps": 2, "Layers": 4, "Findings": 0, "Weights": 1, "Rows": 1}
    for name in names:
        browser.run("[...document.querySelectorAll('#tabs button')].find(b => b.textContent === arguments[0]).click()", name)
        drawn = browser.run(DRAWN)
        check(len(drawn) >= least[name], f"{name}, {size}: {len(drawn)} pictures")
        check(all(drawn), f"{name}, {size}: an empty picture")
        wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, f"{name}, {size}: {wide} pixels too wide")
        browser.picture(f"report-{name.lower()}-{size}.png")


def use(browser):
    """Keyboard, zoom, findings, runs and the theme."""
    browser.run("document.querySelector('#tabs button').click(); document.querySelector('#tabs button').focus()")
    browser.keys("\ue014")  # right
    check(browser.run("return document.querySelector('[aria-selected=true]').textContent") == "Steps", "right arrow")
    browser.keys("\ue011")  # home
    check(browser.run("return document.activeElement.textContent") == "Overview", "home")
    browser.run("[...document.querySelectorAll('#tabs button')][1].click()")
    low, high = browser.run(RANGE)
    box = browser.run("const r = document.querySelector('.chart canvas').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
    middle = int(box[1] + box[3] / 3)
    browser.drag(int(box[0] + box[2] * 0.4), middle, int(box[0] + box[2] * 0.7))
    zoomed = browser.run(RANGE)
    check(low < zoomed[0] < zoomed[1] < high, f"drag zooms from {[low, high]} to {zoomed}")
    browser.run("document.querySelector('.chart canvas').focus()")
    browser.keys("\ue00c")  # escape
    check(browser.run(RANGE) == [low, high], "escape shows all")
    browser.keys("+")
    check(browser.run(RANGE)[0] > low, "+ zooms")
    browser.run("[...document.querySelectorAll('#tabs button')][3].click(); document.querySelector('.link').click()")
    check(browser.run("return document.querySelector('[aria-selected=true]').textContent") == "Layers", "a finding leads to its layer")
    check(browser.run("return document.querySelectorAll('select')[1].value") != "*", "its layer is chosen")
    browser.run("document.querySelectorAll('#runs button')[0].click()")
    check(browser.run("return document.querySelector('#runs button').getAttribute('aria-pressed')") == "false", "a run is hidden")
    browser.run("document.querySelectorAll('#runs button')[0].click()")
    light = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.run("document.getElementById('theme').click()")
    dark = browser.run("return getComputedStyle(document.body).backgroundColor")
    brightness = [sum(map(int, c[c.index("(") + 1 : -1].split(",")[:3])) for c in (light, dark)]
    check(brightness[0] > 600 and brightness[1] < 150, f"light {light}, dark {dark}")
    check(all(browser.run(DRAWN)), "charts in the dark")
    browser.run("[...document.querySelectorAll('#tabs button')][2].click()")
    browser.picture("report-dark-1280.png")


def main():
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            print(f"SKIPPED: no {program}")
            raise SystemExit(77)
    shared = Path(os.environ.get("GRADUS_SHARED_DIR") or "none") / "data/cifar10-5000"
    data = ["--data", f"cifar10:{shared}", "--rows", "500", "--model", "conv 16 5, bn, relu, pool, conv 32, bn, relu, pool, fc 10"]
    data = data if shared.exists() else ["--model", "conv 8, bn, relu, pool, fc 10"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for run, rate in (("first", "0.002"), ("second", "0.05")):
            subprocess.run([GRADUS, "train", *data, "--validation", "0.2", "--epochs", "4", "--lr", rate, "--out", folder / run, "--quiet"], check=True)
        page = folder / "report.html"
        subprocess.run([GRADUS, "report", folder / "first", folder / "second", "--out", page], check=True)
        browser = Browser(folder / "profile")
        try:
            browser.call("POST", "/url", {"url": "about:blank"})
            browser.log("performance")  # what the browser asked of itself for its first page
            for width, height in ((1280, 900), (390, 844)):
                browser.open(page, width, height)
                look_at_tabs(browser, width)
                if width == 1280:
                    use(browser)
            said = browser.log("browser")
            check(not said, f"the console: {said}")
            asked = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
            urls = {m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"}
            check(urls == {page.as_uri()}, f"requests: {urls}")
        finally:
            browser.close()
    print("passed")


main()
