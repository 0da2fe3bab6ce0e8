"""Fixtures: the repository's own project in the emulator suite, started once for each test file."""

import importlib.util

import pytest

from gemchain.testing import embedded
from tests.firebase import kit


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """The project in the emulators, as it is deployed."""
    with kit.deployed(tmp_path_factory.mktemp("project"), GEMCHAIN_GRACE="0") as found:
        yield found


@pytest.fixture(scope="session")
def expected(tmp_path_factory):
    """The expected results of rows: the same chain file, run by the embedded engine."""

    def run(rows: list[dict]) -> list:
        folder = tmp_path_factory.mktemp("embedded")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ARTICLES_MODEL", "simulated/articles")
            patch.syspath_prepend(str(kit.FUNCTIONS))
            articles = importlib.import_module("articles")
            with embedded(folder, application=str(kit.FUNCTIONS)) as engine:
                import gemchain

                chains = gemchain.start_many(articles.outline, rows)
                assert engine.run()
                return [chain.result() for chain in chains]

    return run
