"""The HTML page in headless Chromium without network."""

import os
import shutil

import pytest

REQUIRED = os.environ.get("KERASCB_METRICS_BROWSER") == "required"


def start_chromium():
    """Return a Selenium driver; skip the test, or fail if a browser is required, if something is not installed."""
    try:
        from selenium import webdriver
    except ImportError:
        _missing("selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium", "chromium-browser", "google-chrome")
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(_program("chromedriver")))


def _missing(what):
    message = f"no {what}: the page is not tested in a browser"
    return pytest.fail(message) if REQUIRED else pytest.skip(message)


def _program(*names):
    return next(filter(None, map(shutil.which, names)), None) or _missing(names[0])


class Screen:
    """A page in the browser, read by what it shows and used by keyboard."""

    def __init__(self, driver, folder):
        self.driver, self._file = driver, folder / "report.html"

    def open(self, history, theme="light", width=1200, media="screen"):
        self.emulate(theme, media)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        history.save_report(self._file)
        self.driver.get(self._file.as_uri())
        return self

    def emulate(self, theme, media="screen"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def keys(self, element, *keys):
        from selenium.webdriver.common.keys import Keys

        self.run("document.getElementById(arguments[0]).focus()", element)
        self.driver.switch_to.active_element.send_keys(*(getattr(Keys, key) for key in keys))

    def press(self, *keys):
        """Press keys in the focused element, and return the id of the element that has the focus then."""
        from selenium.webdriver.common.keys import Keys

        self.driver.switch_to.active_element.send_keys(*(getattr(Keys, key) for key in keys))
        return self.run("return document.activeElement.id")

    def text(self, element):
        return self.run("return document.getElementById(arguments[0]).innerText", element)

    def number(self, element):
        return float(self.text(element))

    def table(self, element):
        """Return row heading → texts of the other cells, of the body of a table."""
        rows = "#" + element + " tbody tr"
        script = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.textContent))"
        return {name: cells for name, *cells in self.run(script, rows)}

    def matrix(self, element="matrix"):
        return [[float(cell) for cell in cells] for cells in self.table(element).values()]

    def visible(self, element):
        return self.run("return document.getElementById(arguments[0]).checkVisibility()", element)

    def messages(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]
