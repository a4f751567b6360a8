"""The page in a real Chromium, against a service that really listens."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anamorph.service.settings import Bounds

from .conftest import Absent, Idle

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page that is open, and whatever went wrong in it."""

    def __init__(self, browser: Any, address: str, **how: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        self.page.on("request", lambda r: self.hosts.add(r.url.split("/")[2]))
        self.page.goto(address)

    def told(self, text: str) -> None:
        """Wait until the page says this."""
        self.page.get_by_text(text).first.wait_for()

    def saved(self, act: Callable[[], None], folder: Path) -> Path:
        """The file that an action downloads."""
        with self.page.expect_download() as download:
            act()
        path = folder / str(download.value.suggested_filename)
        download.value.save_as(path)
        return path


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def open_(address: str, **how: Any) -> Visit:
        visits.append(Visit(chromium, address, **how))
        return visits[-1]

    yield open_
    for one in visits:
        one.context.close()


def violations(visit: Visit) -> list[str]:
    found = axe.Axe().run(visit.page).response["violations"]
    return [f"{v['id']}: {[n['html'] for n in v['nodes']]}" for v in found]


@pytest.fixture
def on_disk(tmp_path: Path, picture: Callable[..., bytes]) -> list[str]:
    paths = []
    for name in ("astronaut", "coffee"):
        path = tmp_path / f"{name}.png"
        path.write_bytes(picture(name, 48, 64))
        paths.append(str(path))
    return paths


def test_pictures_are_protected_compared_and_downloaded(
    site: Any, visit: Any, on_disk: list[str], tmp_path: Path
) -> None:
    service, address = site()
    here = visit(address)
    here.told("Drop pictures")
    assert "token" not in here.page.url
    here.page.set_input_files("#files", on_disk)
    here.told("2 pictures")
    here.page.get_by_role("button", name="Protect", exact=True).click()
    here.told("2 done, 0 failed")
    made = here.saved(here.page.get_by_label("Download coffee.png").click, tmp_path / "out")
    assert made.read_bytes().startswith(b"\x89PNG")
    archive = here.saved(
        here.page.get_by_role("button", name="Download all").click, tmp_path / "out"
    )
    assert archive.read_bytes().startswith(b"PK")
    assert violations(here) == []
    here.page.get_by_label("Compare coffee.png").click()
    here.page.get_by_role("row", name="toy").wait_for()
    here.page.locator("#slider").press("End")
    shown = "getComputedStyle(document.querySelector('#before')).clipPath"
    assert here.page.evaluate(shown) in (
        "inset(0px 0% 0px 0px)",
        "inset(0px)",
        "inset(0px 0px 0px 0px)",
    )
    assert violations(here) == []
    here.page.keyboard.press("Escape")
    here.page.get_by_role("button", name="Delete them").click()
    here.told("is deleted at the service")
    assert not list(service.settings.jobs.iterdir())
    assert here.faults == []
    assert len(here.hosts - {""}) == 1


def test_a_picture_is_hidden_with_a_new_key_and_revealed_without_sending_anything(
    site: Any, visit: Any, on_disk: list[str], tmp_path: Path
) -> None:
    _, address = site()
    here = visit(address)
    here.page.get_by_role("tab", name="Hide").click()
    here.page.set_input_files("#files", on_disk[:1])
    key = here.saved(here.page.get_by_role("button", name="make a new key").click, tmp_path / "o")
    here.page.get_by_role("button", name="Hide", exact=True).click()
    here.told("Hiding needs the key at the service. Tick the box")
    here.page.select_option("#model", "embedder")
    here.page.select_option("#effort", "fast")
    here.page.get_by_label("Send this key").check()
    here.page.get_by_role("button", name="Hide", exact=True).click()
    here.told("1 done, 0 failed")
    hidden = here.saved(here.page.get_by_label("Download astronaut.png").click, tmp_path / "o")
    here.page.get_by_role("tab", name="Reveal").click()
    asked: list[str] = []
    here.page.on("request", lambda r: asked.append(r.url) if r.method == "POST" else None)
    here.page.set_input_files("#files", str(hidden))
    here.page.set_input_files("#key", str(key))
    here.told("is in this browser")
    here.page.get_by_role("button", name="Reveal", exact=True).click()
    here.told("revealed here, nothing was sent")
    back = here.saved(here.page.get_by_label("Download astronaut.png").click, tmp_path / "back")
    assert back.read_bytes() == Path(on_disk[0]).read_bytes()
    assert asked == []
    assert violations(here) == []
    assert here.faults == []


def test_what_goes_wrong_is_said(site: Any, visit: Any, tmp_path: Path) -> None:
    _, address = site()
    here = visit(address.partition("#")[0])
    here.told("Enter your token")
    assert violations(here) == []
    here.page.get_by_label("Token").fill("wrong")
    here.page.get_by_role("button", name="Enter").click()
    here.told("The token is not taken")
    here.page.get_by_label("Token").fill(address.partition("token=")[2])
    here.page.get_by_role("button", name="Enter").click()
    here.told("Drop pictures")
    here.page.get_by_role("button", name="Protect", exact=True).click()
    here.told("Choose pictures first")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    here.page.set_input_files("#files", str(bad))
    here.page.get_by_role("button", name="Protect", exact=True).click()
    here.told("0 done, 1 failed")
    here.told("not a picture, or a damaged one")
    here.page.get_by_role("tab", name="Reveal").click()
    here.page.set_input_files("#key", str(bad))
    here.told("This is no key file")


def test_a_page_that_asks_too_often_waits_as_long_as_it_is_told(
    site: Any, visit: Any, on_disk: list[str]
) -> None:
    _, address = site(Bounds(burst=1, requests_per_minute=30))
    here = visit(address)
    here.told("Drop pictures")
    here.page.set_input_files("#files", on_disk)
    here.page.get_by_role("button", name="Protect", exact=True).click()
    here.told("2 done, 0 failed")
    assert here.page.get_by_role("button", name="Compare").count() == 2
    assert any("429" in fault for fault in here.faults), "otherwise this test tells nothing"


def test_a_page_that_is_opened_while_models_are_loaded_goes_on_by_itself(
    site: Any, visit: Any
) -> None:
    service, address = site(workers=Absent)
    here = visit(address)
    here.told("The service is loading its models")
    assert violations(here) == []
    service.queue.seen("here", service.crew.roster.about())
    here.told("Drop pictures")
    assert not here.page.get_by_text("is loading its models").is_visible()


def test_the_page_works_by_keyboard_and_on_a_phone(
    site: Any, visit: Any, on_disk: list[str]
) -> None:
    _, address = site(workers=Idle)
    here = visit(address, viewport=PHONE, has_touch=True)
    here.told("Drop pictures")
    wide = here.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    here.page.locator("#tab-protect").focus()
    here.page.keyboard.press("ArrowRight")
    assert here.page.evaluate("document.activeElement.id") == "tab-hide"
    assert here.page.get_by_role("tab", name="Hide").get_attribute("aria-selected") == "true"
    here.page.keyboard.press("Home")
    focused = []
    for _ in range(6):
        here.page.keyboard.press("Tab")
        focused.append(here.page.evaluate("document.activeElement.id"))
    assert focused == ["files", "folder", "model", "effort", "survive", "go"]
    here.page.set_input_files("#files", on_disk)
    stop = here.page.locator("#cancel")
    assert stop.get_attribute("hidden") is not None, "while it is sent there is no job to stop"
    here.page.locator("#go").press("Enter")
    stop.click()
    here.told("2 stopped")
    assert here.faults == []
