"""`docs/providers.md` is current: its tables are what the code says, and each provider has its set-up."""

import re

from gemchain.cli.project.checks.providers import SERVICES
from gemchain.cli.state.opening import providers_to_describe
from gemchain.providers.choice import choose_provider, model_prefix
from tests.docs.providers_page import PAGE, SPELLED, providers, spelling, with_tables

TEXT = PAGE.read_text(encoding="utf-8")
SETUP = TEXT.partition("## Set-up")[2].partition("\n## ")[0]


def test_the_page_is_what_the_command_makes():
    assert with_tables(TEXT) == TEXT, "make it anew with: python -m tests.docs.providers_page"


def test_every_provider_has_a_line_of_what_it_can_do_and_one_of_its_set_up():
    for name in providers_to_describe().names:
        assert f"\n| {name} | " in providers()
        assert re.search(
            rf"^\| [^|]+ \| `{re.escape(model_prefix(name) or 'gemini-')}[^/]*`", SETUP, re.MULTILINE
        ), name


def test_the_set_up_names_the_variables_that_doctor_looks_for():
    for service in SERVICES.values():
        assert f"export {service.keys[0]}=KEY" in SETUP
        assert f"({service.get})" in SETUP
        assert f"gemchain[{service.extra}]" in SETUP


def test_the_models_that_it_names_choose_a_provider_that_there_is():
    known = set(providers_to_describe().names)
    named = {name for name in re.findall(r"`([a-z-]+/[\w./-]+|gemini-[\w.-]+)`", SETUP) if "NAME" not in name}
    chosen = {
        choose_provider(name)[0] for name in named if name.partition("/")[0] in known or "/" not in name
    }
    assert chosen == known


def test_every_setting_is_spelled_in_every_format_or_refused():
    rows = spelling().splitlines()[2:]
    assert len(rows) == len(SPELLED)
    assert all(cell.strip() for line in rows for cell in line.strip("|").split("|"))
    assert "a message of the role `system`" in rows[0]
