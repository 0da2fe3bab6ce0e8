"""Which functions are accepted as callbacks, and which names may be called later."""

import functools
import sys

import pytest

import gemchain
from gemchain.errors import ContinuationError, InvalidInputError, UnresolvedError
from gemchain.functions.continuations import Continuations
from tests.apps.shop import callbacks

HERE = "tests.apps.shop.callbacks"


@pytest.fixture
def continuations():
    return Continuations()


def test_a_function_is_stored_as_module_and_name_and_found_again(continuations):
    name = continuations.name(callbacks.take)
    assert name == f"{HERE}:take"
    assert continuations.resolve(name) is callbacks.take


def test_a_function_decorated_with_wraps_is_found_again(continuations):
    assert continuations.resolve(continuations.name(callbacks.decorated)) is callbacks.decorated


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda response: response, "lambda"),
        (callbacks.outer(), "nested in a function"),
        (callbacks.Shop.static, "defined in a class"),
        (callbacks.Shop().method, "plain function"),
        (functools.partial(callbacks.take), "plain function"),
        (callbacks.Shop, "plain function"),
        (len, "plain function"),
        ("tests.apps.shop.callbacks:take", "plain function"),
        (callbacks.first_twice, "another object"),
        (callbacks.rmtree, "not the application's"),
    ],
)
def test_what_cannot_be_found_again_is_refused_with_the_way_out(continuations, given, words):
    with pytest.raises(ContinuationError, match=words):
        continuations.name(given)


@pytest.mark.parametrize(
    ("function", "params", "first"),
    [
        (callbacks.take, ("title",), "response"),
        (callbacks.take_named, (), "response"),
        (callbacks.take_named, ("title", "colour"), "response"),
        (callbacks.take_named, ("response", "title"), "response"),
        (callbacks.begin, ("topic",), "response"),
    ],
)
def test_a_callback_that_cannot_take_its_arguments_is_refused(continuations, function, params, first):
    with pytest.raises(ContinuationError, match="cannot be called as"):
        continuations.name(function, params, first=first)


def test_a_callback_may_take_named_and_any_params(continuations):
    assert continuations.name(callbacks.take_named, ("title", "count")).endswith(":take_named")
    assert continuations.name(callbacks.take_anything, ("whatever",)).endswith(":take_anything")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os:system", "not the application's"),
        ("subprocess:run", "not the application's"),
        ("builtins:eval", "not the application's"),
        ("sys:exit", "not the application's"),
        ("orjson:dumps", "not the application's"),
        ("antigravity:geohash", "not the application's"),
        ("this:s", "not the application's"),
        (f"{HERE}:rmtree", "only imported there"),
        (f"{HERE}:popen", "only imported there"),
        (f"{HERE}:size", "not a plain function"),
        (f"{HERE}:Shop", "not a plain function"),
        (f"{HERE}:os", "not a plain function"),
        (f"{HERE}:shadowed", "only imported there"),
        (f"{HERE}:gone", "has no function 'gone'"),
        (f"{HERE}:Shop.static", "not of the form"),
        (f"{HERE}:__builtins__", "not a plain function"),
        ("tests.apps.gone:take", "no module"),
        ("../../etc/passwd:x", "not of the form"),
        ("tests.apps.shop.callbacks", "not of the form"),
        (f"{HERE}:", "not of the form"),
        ("", "not of the form"),
        (":take", "not of the form"),
    ],
)
def test_a_stored_name_never_leads_out_of_the_application(continuations, name, words):
    with pytest.raises(UnresolvedError, match=words):
        continuations.resolve(name)


def test_a_foreign_module_is_refused_before_it_is_imported(continuations):
    sys.modules.pop("antigravity", None)
    with pytest.raises(UnresolvedError):
        continuations.resolve("antigravity:fly")
    assert "antigravity" not in sys.modules


def test_a_module_outside_of_the_application_is_refused_and_a_setting_allows_it(tmp_path, monkeypatch):
    (tmp_path / "elsewhere_app.py").write_text("def take(response):\n    return response\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnresolvedError, match="modules"):
        Continuations().resolve("elsewhere_app:take")
    assert "elsewhere_app" not in sys.modules
    assert Continuations(modules=["elsewhere_app"]).resolve("elsewhere_app:take")
    del sys.modules["elsewhere_app"]
    assert Continuations(application=tmp_path).resolve("elsewhere_app:take")


def test_a_module_that_fails_on_import_says_how(tmp_path, monkeypatch):
    (tmp_path / "broken_app.py").write_text("raise RuntimeError('no configuration')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnresolvedError, match="RuntimeError: no configuration"):
        Continuations(application=tmp_path).resolve("broken_app:take")


def test_packages_installed_inside_the_application_folder_are_foreign(tmp_path, monkeypatch):
    packages = tmp_path / ".venv" / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "vendored_app.py").write_text("def take(response):\n    return response\n")
    monkeypatch.syspath_prepend(packages)
    with pytest.raises(UnresolvedError, match="not the application's"):
        Continuations(application=tmp_path).resolve("vendored_app:take")


def test_a_whole_old_name_is_found_by_the_process_that_has_not_imported_its_module_yet(tmp_path, monkeypatch):
    mark = "@gemchain.callback(name='settle', aliases=['moved_shop:pay'])"
    (tmp_path / "moved_shop.py").write_text(f"import gemchain\n{mark}\ndef settle_it(response): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Continuations(tmp_path).resolve("moved_shop:pay")
    assert found is sys.modules.pop("moved_shop").settle_it


def test_a_module_that_is_not_here_may_be_another_applications_and_the_reason_says_so(tmp_path):
    with pytest.raises(UnresolvedError, match="of another application; each is a program of its own"):
        Continuations(application=tmp_path).resolve("their_chains:take")


def test_what_was_typed_into_an_interactive_session_is_refused_with_the_way_out(continuations, monkeypatch):
    main = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("def take(response): pass\nasync def ask(): pass\nclass Answer: pass", vars(main))
    for name, given in (
        (continuations.name, main.take),
        (continuations.chain_name, gemchain.chain(main.ask)),
        (continuations.model_name, main.Answer),
    ):
        with pytest.raises(InvalidInputError, match=r"interactive session.*put it in a file"):
            name(given)
    assert continuations.error_name(type("Odd", (Exception,), {"__module__": "__main__"})) is None
