"""Headless Chromium for the tests of pages: driven over the WebDriver protocol, with what Python has."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest


def absent(what):
    """Skip a test for want of a tool; in CI, where it must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have them: install them")
    pytest.skip(what)


@contextlib.contextmanager
def browsing():
    """Give a Browser; where there is none the tests are skipped, or fail in CI."""
    driver = shutil.which("chromedriver")
    chromium = next(
        filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None
    )
    if driver is None or chromium is None:
        absent("no Chromium and chromedriver on PATH")
    browser = Browser(driver, chromium)
    try:
        yield browser
    finally:
        browser.close()


class Browser:
    """Headless Chromium, driven over the WebDriver protocol."""

    def __init__(self, driver, chromium):
        self.process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if port := re.search(r"successfully on port (\d+)", line):
                break
        else:
            raise AssertionError(f"{driver} ended before it listened")
        self.address = f"http://127.0.0.1:{port[1]}"
        self.path = ""
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--force-prefers-reduced-motion",
        ]
        options = {"args": [*flags, "--window-size=1300,1000"], "binary": chromium}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            session = self.call("/session", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self.stop()
            raise
        self.path = f"/session/{session['sessionId']}"

    def call(self, path, body=None, method="POST"):
        message = None if method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + self.path + path, message, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from None

    def open(self, address):
        self.call("/url", {"url": address})

    def run(self, script, *arguments):
        return self.call("/execute/sync", {"script": script, "args": arguments})

    def press(self, *keys):
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def complaints(self):
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"})]

    def close(self):
        try:
            self.call("", method="DELETE")
        finally:
            self.stop()

    def stop(self):
        self.process.terminate()
        self.process.communicate()
