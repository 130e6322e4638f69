# SPDX-License-Identifier: Apache-2.0
"""Client certificates in a browser: created, saved, used in a handshake, revoked, restored."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from playwright.sync_api import expect

from authz.certs.certificate import Certificate
from authz.demo.pki import make_root
from authz.services.certificates import list_certificates
from authz.services.hosts import list_hosts
from authz.services.rulesets import get_rules
from tests.browser.conftest import sign_in
from tests.factories.hostile import EFFECT, hostile_texts
from tests.factories.issuing import csr, openssl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Route

    from authz.store.records import ClientCertificate
    from tests.factories.dashboard import Served


def _page(served: Served, path: str = "") -> str:
    return f"{served.url}/zones/{served.zone_id}/client-certificates{path}"


def _kept(served: Served) -> tuple[ClientCertificate, ...]:
    return list_certificates(served.store, "default").certificates


def _create(page: Page, served: Served, label: str, **fields: str) -> None:
    page.goto(_page(served, "/new"))
    page.get_by_label("Label").fill(label)
    for name, text in fields.items():
        page.get_by_label(name.replace("_", " ").capitalize()).fill(text)
    page.get_by_role("button", name="Create", exact=True).click()


def _saved(page: Page, name: str, directory: Path) -> Path:
    """The file that a click saves."""
    with page.expect_download() as waiting:
        page.get_by_text(name, exact=True).click()
    path = directory / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def _shakes_hands(directory: Path, certificate: Path, key: Path, authority: Path) -> str:
    """The common name by which a TLS server knows a client; its refusal is an error."""
    own = make_root("Server CA").server("localhost")
    (directory / "server.pem").write_bytes(own.pem)
    (directory / "server.key").write_bytes(own.key_pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "server.pem", directory / "server.key")
    server.load_verify_locations(authority)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.load_cert_chain(certificate, key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up))
    for _ in range(6):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    subject = ends[0].getpeercert()["subject"]  # type: ignore[index]  # it asked for one
    return str(dict(one[0] for one in subject)["commonName"])


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
def test_a_certificate_of_a_key_that_never_left_the_browser_works(
    page: Page, served: Served, tmp_path: Path, kind: str
) -> None:
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.post_data or ""))
    page.goto(_page(served))
    page.get_by_role("link", name="Create Certificate").first.click()
    page.get_by_label("Kind of key").select_option(kind)
    page.get_by_label("Label").fill("Zoë's sensor")
    page.get_by_label("Alternative names").fill("sensor.example.com\nspiffe://example/sensor")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="“Zoë's sensor” is created")).to_be_focused()

    key = _saved(page, "Save private key", tmp_path)
    certificate = _saved(page, "Save certificate", tmp_path)
    page.get_by_label("Password of the file").fill("pässwörd 客")
    package = _saved(page, "Save PKCS #12", tmp_path)
    page.get_by_role("link", name="Show the certificate").click()

    expect(page.get_by_role("heading", name="Zoë's sensor")).to_be_visible()
    (one,) = _kept(served)
    authority = tmp_path / "ca.pem"
    page.locator("dl.facts").get_by_role("link").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download PEM").click()
    waiting.value.save_as(authority)
    assert "OK" in openssl("verify", "-purpose", "sslclient", "-CAfile", authority, certificate)
    own = load_pem_private_key(key.read_bytes(), None)
    (read,) = x509.load_pem_x509_certificates(certificate.read_bytes())
    assert read.public_key() == own.public_key()
    assert Certificate.from_der(one.der).san_uri == ("spiffe://example/sensor",)
    opened = pkcs12.load_pkcs12(package.read_bytes(), "pässwörd 客".encode())
    assert opened.cert is not None
    assert opened.cert.certificate == read
    assert opened.key is not None
    assert opened.key.public_key() == own.public_key()
    assert _shakes_hands(tmp_path, certificate, key, authority) == "Zoë's sensor"
    assert not any("PRIVATE KEY" in text for text in sent)
    assert sum("CERTIFICATE REQUEST" in text for text in sent) == 1


def test_the_first_certificate_makes_the_ca_of_the_zone(page: Page, served: Served) -> None:
    _create(page, served, "first")
    expect(page.get_by_role("heading", name="“first” is created")).to_be_visible()

    page.once("dialog", lambda dialog: dialog.accept())
    page.goto(_page(served))

    expect(page.get_by_role("link", name="Managed CA for default").first).to_be_visible()


@pytest.fixture
def shaky(context: BrowserContext, served: Served) -> Page:
    """A page whose connection breaks, which the browser says on its console."""
    made = context.new_page()
    sign_in(made, served)
    return made


def test_an_answer_that_was_lost_costs_no_second_certificate(shaky: Page, served: Served) -> None:
    page = shaky
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(str(route.fetch().status))
            route.abort()

    page.route("**/client-certificates/issue", lose)
    _create(page, served, "sensor")
    failed = page.locator("#creation-failed")
    expect(failed).to_contain_text("The server cannot be reached")
    expect(failed).to_be_focused()

    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.get_by_role("heading", name="“sensor” is created")).to_be_visible()
    (one,) = _kept(served)
    shown = page.get_by_label("Certificate", exact=True).input_value()
    assert lost == ["200"]
    assert x509.load_pem_x509_certificates(shown.encode())[0].serial_number == int(one.serial, 16)
    own = load_pem_private_key(
        page.get_by_label("Private key", exact=True).input_value().encode(), None
    )
    assert Certificate.from_der(one.der).parsed.public_key() == own.public_key()


def test_whoever_changes_the_form_after_that_gets_what_they_wrote(
    shaky: Page, served: Served
) -> None:
    page = shaky
    page.route("**/client-certificates/issue", lambda route: route.abort())
    _create(page, served, "sensor")
    expect(page.locator("#creation-failed")).to_be_visible()
    page.unroute("**/client-certificates/issue")

    page.get_by_label("Label").fill("another")
    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.get_by_role("heading", name="“another” is created")).to_be_visible()
    (one,) = _kept(served)
    assert (one.label, one.common_name) == ("another", "another")


@pytest.mark.parametrize(
    ("label", "fields", "told"),
    [
        ("sensor", {"alternative_names": "zoë@mail.example"}, "Alternative names: “zoë"),
        ("sensor", {"alternative_names": "*.example.com"}, "is not a DNS name"),
        ("x" * 65, {}, "more than 64 characters"),
        ("sensor", {"valid_for_(days)": "9999"}, "from 1 to 5475"),
    ],
)
def test_what_cannot_be_issued_is_told_and_nothing_is_lost(
    page: Page, served: Served, label: str, fields: dict[str, str], told: str
) -> None:
    page.goto(_page(served, "/new"))
    page.get_by_label("Label").fill(label)
    for name, text in fields.items():
        page.get_by_label(name.replace("_", " ").capitalize()).fill(text)
    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.locator("#creation-failed")).to_contain_text(told.replace("“", '"'))
    expect(page.locator("#creation-failed")).to_be_focused()
    expect(page.get_by_label("Label")).to_have_value(label)
    assert _kept(served) == ()


def test_whoever_leaves_without_the_key_is_asked(page: Page, served: Served) -> None:
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    _create(page, served, "sensor")
    page.get_by_role("heading", name="“sensor” is created").click()
    page.on("dialog", answer)
    page.get_by_role("link", name="Show the certificate").click()
    expect(page.get_by_text("Save the private key now.")).to_be_visible()
    assert asked == ["beforeunload"]

    with page.expect_download():
        page.get_by_text("Save private key", exact=True).click()
    page.get_by_role("link", name="Show the certificate").click()

    page.wait_for_url("**/client-certificates/*")
    expect(page.get_by_role("heading", name="sensor")).to_be_visible()
    assert asked == ["beforeunload"]


@pytest.fixture
def without_keys(page: Page) -> Page:
    """A browser that makes no keys, as on a page without TLS beyond loopback."""
    page.add_init_script("Object.defineProperty(globalThis, 'isSecureContext', {value: false})")
    return page


def test_where_the_browser_makes_no_keys_it_says_so_and_takes_a_request(
    without_keys: Page, served: Served
) -> None:
    page = without_keys
    page.goto(_page(served, "/new"))
    expect(page.get_by_text("This browser makes keys only on pages of HTTPS")).to_be_visible()
    expect(page.get_by_label("Generate it in this browser")).to_be_hidden()

    page.get_by_role("textbox", name="Certificate request (CSR)").fill(csr("pasted").decode())
    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.get_by_role("heading", name="pasted")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("“pasted” is issued.")


@pytest.fixture
def scriptless(chromium: Browser, served: Served) -> Iterator[Page]:
    """A browser without JavaScript."""
    with contextlib.closing(chromium.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        sign_in(page, served)
        yield page


def test_everything_works_without_javascript(scriptless: Page, served: Served) -> None:
    page = scriptless
    page.goto(_page(served, "/new"))
    page.get_by_role("textbox", name="Certificate request (CSR)").fill("nonsense")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("no certificate signing request")
    page.get_by_role("textbox", name="Certificate request (CSR)").fill(csr("pasted").decode())
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").select_option("superseded")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked just now")).to_be_visible()
    page.goto(_page(served, "/hosts"))
    page.get_by_role("textbox", name="Hostname").fill("api.example.com")
    page.get_by_role("button", name="Switch on").click()

    expect(page.get_by_role("rowheader", name="api.example.com")).to_be_visible()
    assert len(get_rules(served.store, "default").rules) == 1


def test_it_is_revoked_and_restored_by_keyboard(page: Page, served: Served) -> None:
    served.world.protect()
    served.world.issue("alice")
    page.goto(_page(served))
    page.get_by_role("link", name="Revoke alice").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Revoke “alice”?")).to_be_visible()
    page.get_by_label("Reason").focus()
    page.keyboard.type("The private key")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Revoked just now: The private key may be")).to_be_visible()
    (one,) = _kept(served)
    assert (one.status, one.reason) == ("revoked", "keyCompromise")
    page.get_by_role("link", name="Restore").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Restore").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("“alice” is restored.")).to_be_visible()
    (one,) = _kept(served)
    assert one.status == "active"


def test_tabs_work_by_keyboard(page: Page, served: Served) -> None:
    page.goto(_page(served))
    tabs = page.get_by_role("navigation", name="Client Certificates")
    tabs.get_by_role("link", name="Issued here").focus()
    page.keyboard.press("Tab")
    expect(tabs.get_by_role("link", name="Your own CA")).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url("**/own-ca")
    expect(tabs.get_by_role("link", name="Your own CA")).to_have_attribute("aria-current", "page")


def test_the_table_is_searched(page: Page, served: Served) -> None:
    served.world.ca()
    for name in ("alice", "bob"):
        served.world.issue(name)
    page.goto(_page(served))
    page.get_by_label("Search").fill("bo")
    page.keyboard.press("Enter")

    expect(page.get_by_role("rowheader")).to_have_text(["bob"])
    page.get_by_label("Status").select_option("revoked")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("No certificate fits.")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("rowheader")).to_have_text(["bob", "alice"])


def test_a_fingerprint_is_copied(page: Page, served: Served) -> None:
    served.world.ca()
    issued = served.world.issue("alice")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(_page(served))
    page.get_by_role("button", name="Copy fingerprint").click()

    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == issued.certificate.fingerprint_sha256


def test_a_hostname_is_switched_on_and_off(page: Page, served: Served) -> None:
    served.world.ca()
    page.goto(_page(served))
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("textbox", name="Hostname").fill("api.example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("a new rule blocks requests")

    page.get_by_role("button", name="Switch off for api.example.com").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("api.example.com verifies no client certificate any more")
    dialog.get_by_role("button", name="Cancel").click()
    assert len(list_hosts(served.store)) == 1
    page.get_by_role("button", name="Switch off for api.example.com").click()
    dialog.get_by_role("button", name="Switch off").click()

    expect(page.get_by_text("No hostname asks for client certificates yet.")).to_be_visible()
    assert list_hosts(served.store) == []


def test_a_ca_of_ones_own_is_read_from_a_file_and_its_key_is_not(
    page: Page, served: Served, tmp_path: Path
) -> None:
    partner = make_root("Partner CA")
    wrong = tmp_path / "with-key.pem"
    wrong.write_bytes(partner.pem + partner.key_pem)
    right = tmp_path / "ca.pem"
    right.write_bytes(partner.pem)
    page.goto(_page(served, "/own-ca"))
    page.get_by_role("link", name="Upload CA").first.click()
    expect(page.get_by_label("File", exact=True)).to_be_visible()
    page.get_by_label("File", exact=True).set_input_files(wrong)
    expect(page.get_by_text("There is a private key in this file.")).to_be_visible()
    expect(page.get_by_label("Certificates (PEM)")).to_have_value("")
    page.get_by_label("File", exact=True).set_input_files(right)
    expect(page.get_by_label("Certificates (PEM)")).to_have_value(partner.pem.decode())
    page.get_by_label("Name").fill("Partner")
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("heading", name="Partner")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("Nobody is verified by it before")


def test_a_ca_is_rotated_and_what_it_issued_stays_good(page: Page, served: Served) -> None:
    known = served.world.ca()
    served.world.issue("alice")
    page.goto(f"{served.url}/zones/{served.zone_id}/authorities/{known.authority.id}")
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    expect(page.get_by_text("Before a rotation").first).to_be_visible()

    page.get_by_role("link", name="Stop trusting the previous key").click()
    page.get_by_role("button", name="Stop trusting").click()

    expect(page.get_by_role("alert")).to_contain_text("1 certificate that it issued before")
    expect(page.get_by_label("Do it although")).to_be_visible()


def test_names_that_would_be_scripts_are_shown_and_not_run(page: Page, served: Served) -> None:
    texts = [text for text in hostile_texts(40) if text.isprintable()]
    served.world.ca()
    for text in texts:
        page.goto(_page(served, "/new"))
        page.get_by_label("Label").fill(text)
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("#created-title")).to_have_text(f"“{text}” is created")
        page.once("dialog", lambda dialog: dialog.accept())
    page.goto(_page(served))

    shown = page.get_by_role("rowheader").all_inner_texts()
    assert sorted(shown) == sorted(texts)
    assert page.evaluate(f"window.{EFFECT}") is None
    for one in _kept(served)[:5]:
        page.goto(_page(served, f"/{one.id}"))
        assert page.evaluate(f"window.{EFFECT}") is None
