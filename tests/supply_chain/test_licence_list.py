"""docs/licences.md, and what may not get past it unseen."""

from __future__ import annotations

from importlib import metadata

import pytest
from license_expression import get_spdx_licensing

from deploy import licences
from deploy.licence_page import ALLOWED, MARK, with_tables
from deploy.licences import PAGE, READ, SAID, UnknownLicence, installed_licence, is_spdx, recorded, renewed, spdx
from deploy.locks import Pin, page_pins
from deploy.shipped import DEVELOPMENT, SHIPPED

PERMISSIVE = ALLOWED - {"LicenseRef-NVIDIA-Proprietary", "MPL-2.0", "ZPL-2.1"}


LICENSING = get_spdx_licensing()


def parts(expression: str) -> set[str]:
    """``A AND B WITH C`` has the parts A and ``B WITH C``."""
    return {symbol.render() for symbol in LICENSING.parse(expression).symbols}


def shipped() -> dict[str, str]:
    """Licences of what is shipped, by name."""
    record = recorded()
    told = {
        pin.name: record[f"{pin.name}=={pin.version}"]
        for thing in SHIPPED
        if thing.name != DEVELOPMENT
        for pin in thing.python_packages()
    }
    return told | {pin.name: pin.licence for pin in page_pins()}


def test_record_and_page_are_in_step() -> None:
    record = recorded()
    assert renewed(record) == record, "run python -m deploy.licences"
    text = PAGE.read_text("utf-8")
    assert with_tables(text, record) == text, "run python -m deploy.licences"


def test_nothing_shipped_is_under_a_licence_that_nobody_allowed() -> None:
    found = {name: parts(licence) for name, licence in shipped().items()}
    assert {name: told for name, told in found.items() if not told <= ALLOWED} == {}
    assert set().union(*found.values()) == ALLOWED, "a licence that nothing has any more"


def test_the_rest_is_at_least_known() -> None:
    assert all(is_spdx(licence) for licence in recorded().values())


def test_page_says_what_follows_from_licences_that_ask_for_something() -> None:
    prose = PAGE.read_text("utf-8").partition(MARK)[0]
    for name, licence in shipped().items():
        if not parts(licence) <= PERMISSIVE and not name.startswith(("nvidia-", "tensorrt-")):
            assert f"`{name}`" in prose, licence
    development = {key.partition("==")[0]: licence for key, licence in recorded().items()}
    for name in set(development) - set(shipped()):
        if not parts(development[name]) <= PERMISSIVE | {"0BSD", "LicenseRef-Matplotlib"}:
            assert f"`{name.removesuffix('-libs').removesuffix('-bindings')}`" in prose, name


def test_a_package_that_says_something_new_is_refused() -> None:
    for words in ("", "BSD-ish", "See LICENSE", "AGPL"):
        with pytest.raises(UnknownLicence, match="newcomer"):
            spdx("newcomer", words)
    assert spdx("newcomer", "Apache 2.0") == "Apache-2.0"
    assert spdx("newcomer", "AGPL-3.0-only") == "AGPL-3.0-only"  # known, and then not allowed
    assert not parts("AGPL-3.0-only") <= ALLOWED


def test_what_a_package_states_goes_before_what_was_read_once() -> None:
    assert spdx("numpy", "") == "BSD-3-Clause"
    assert spdx("numpy", "AGPL-3.0-only") == "AGPL-3.0-only"


def test_a_dependency_that_is_not_on_record_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "installed_licence", lambda pin: None)
    record = recorded()
    without = {key: licence for key, licence in record.items() if not key.startswith("fastapi==")}
    with pytest.raises(UnknownLicence, match="fastapi"):
        renewed(without)


def test_licence_of_another_version_is_not_taken() -> None:
    assert installed_licence(Pin("fastapi", metadata.version("fastapi"), (), "")) == "MIT"
    assert installed_licence(Pin("fastapi", "0.0.1", (), "")) is None
    assert installed_licence(Pin("no-such-package", "1", (), "")) is None


def test_tables_of_words_hold_spdx() -> None:
    assert all(is_spdx(expression) for expression in (*SAID.values(), *READ.values()))
    assert not is_spdx("No Such Licence")
    assert not is_spdx("MIT AND")
