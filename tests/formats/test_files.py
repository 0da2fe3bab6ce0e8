"""Local files as parts: uploaded once by content and referred to, or sent along."""

import base64
import hashlib
from pathlib import Path

import pytest
from google.genai import types

import gemchain
from gemchain.base import jsontext
from gemchain.blobs.local import LocalBlobs
from gemchain.errors import RequestError
from gemchain.formats import files
from gemchain.formats.files import Uploads
from gemchain.ports import FileContent
from gemchain.providers.gemini_api import GeminiApiProvider
from gemchain.providers.gemini_batches import GeminiBatches
from gemchain.testing import embedded
from tests.apps import flows

PNG = b"\x89PNG\xff\xfe"


class CountingBlobs(LocalBlobs):
    """Counts what is written."""

    def __init__(self, root):
        super().__init__(root)
        self.written = []

    def put(self, name, data, *, if_absent=False):
        self.written.append(name)
        return super().put(name, data, if_absent=if_absent)

    def upload_many(self, pairs):
        self.written += [name for _, name in pairs]
        return super().upload_many(pairs)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a picture.PNG"
    path.write_bytes(PNG)
    return path


@pytest.fixture
def blobs(tmp_path):
    return CountingBlobs(tmp_path / "blobs")


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path / "state", responder=flows.echo) as running:
        yield running


def requests_of(engine, handle):
    return jsontext.load(engine.runtime.store.requests([handle.id])[handle.id])


def test_a_file_is_named_after_its_content_and_referred_to(blobs, image):
    content = Uploads(blobs).content(image)
    name = f"media/{hashlib.sha256(PNG).hexdigest()}.png"
    assert content == FileContent("image/png", uri=blobs.uri(name))
    assert blobs.read(blobs.uri(name)) == PNG


def test_a_thousand_prompts_with_one_file_upload_and_read_it_once(blobs, image, monkeypatch):
    uploads, reads = Uploads(blobs), []
    monkeypatch.setattr(files, "_read", lambda path: reads.append(path) or path.read_bytes())
    assert len({str(uploads.content(image)) for _ in range(1000)}) == 1
    assert (len(blobs.written), len(reads)) == (1, 1)


def test_another_process_and_another_name_find_the_content_that_is_there(blobs, image, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(PNG)
    assert Uploads(blobs).content(image) == Uploads(blobs).content(copy)
    assert len(blobs.written) == 1


def test_a_file_that_changed_is_uploaded_anew(blobs, image):
    uploads = Uploads(blobs)
    before = uploads.content(image)
    image.write_bytes(PNG + b"more")
    assert uploads.content(image) != before
    assert len(blobs.written) == 2


def test_a_large_file_is_streamed_to_the_same_name(blobs, image, monkeypatch):
    monkeypatch.setattr(files, "SMALL", 1)
    content = Uploads(blobs).content(image)
    assert hashlib.sha256(PNG).hexdigest() in content.uri
    assert blobs.read(content.uri) == PNG


def test_a_large_file_that_changes_while_it_is_uploaded_leaves_no_object_of_a_wrong_name(
    blobs, image, monkeypatch
):
    monkeypatch.setattr(files, "SMALL", 1)
    inner = blobs.upload_many

    def slowly(pairs):
        image.write_bytes(b"something else")
        return inner(pairs)

    monkeypatch.setattr(blobs, "upload_many", slowly)
    with pytest.raises(RequestError, match="changed while"):
        Uploads(blobs).content(image)
    assert list(blobs.list("media/")) == []


def give_alone(path):
    return path


def give_in_list(path):
    return [path, "Describe it."]


def give_in_dict(path):
    return {"contents": [{"role": "user", "parts": [path, {"text": "Describe it."}]}]}


def give_in_content(path):
    return [{"role": "user", "parts": [path, types.Part(text="Describe it.")]}]


@pytest.mark.parametrize("form", [give_alone, give_in_list, give_in_dict, give_in_content])
def test_a_path_stands_for_its_part_wherever_it_is(engine, image, form):
    handle = gemchain.submit(form(image), "simulated/echo")
    (content,) = requests_of(engine, handle)["contents"]
    assert content["role"] == "user"
    assert content["parts"][0]["fileData"]["mimeType"] == "image/png"
    assert engine.runtime.blobs.read(content["parts"][0]["fileData"]["fileUri"]) == PNG


def test_a_path_in_a_system_instruction_is_attached_too(engine, image):
    handle = gemchain.submit("x", "simulated/echo", config={"system_instruction": ["As here:", image]})
    instruction = requests_of(engine, handle)["systemInstruction"]
    assert "fileData" in instruction["parts"][1]


def test_a_chain_with_a_file_runs(engine, image):
    chain = gemchain.submit([image, "hello"], "simulated/echo").chain
    engine.run()
    assert "hello" in chain.result()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.png", None, "'.*gone.png' cannot be read: No such file.*a relative path starts at"),
        ("data.qqq", b"x", "nothing is known of the suffix '.qqq'.*fileData"),
        ("noend", b"x", "suffix ''"),
        ("empty.txt", b"", "is empty"),
        (".", None, "is no file"),
    ],
)
def test_a_file_that_cannot_be_a_part_is_refused_and_nothing_is_recorded(
    engine, tmp_path, name, content, words
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=words):
        gemchain.submit([path, "x"], "simulated/echo")
    assert engine.runtime.store.list_chains() == []


def test_the_gemini_api_gets_the_bytes_themselves(blobs, image):
    provider = GeminiApiProvider(blobs, key="k")
    request = provider.format("m").compose([image], attach=provider.attach).request
    assert request["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}
    ]
    assert blobs.written == []


def test_a_file_too_large_for_the_gemini_api_is_refused_with_the_way_out(blobs, image, monkeypatch):
    monkeypatch.setattr(files, "INLINE_MAX", 3)
    with pytest.raises(RequestError, match=r"6 bytes.*room for 3; .*files\.upload.*Vertex AI"):
        GeminiApiProvider(blobs, key="k").attach(image)
    with pytest.raises(RequestError, match="send a smaller one"):
        GeminiBatches().attach(image)


def test_a_replay_compares_a_file_by_name_and_does_not_need_it(engine):
    spec = gemchain.prompt([Path("gone/a.png"), "x"], "simulated/echo")
    other = gemchain.prompt([Path("elsewhere/a.png"), "x"], "simulated/echo")
    assert spec.digest == other.digest != gemchain.prompt([Path("b.png"), "x"], "simulated/echo").digest


def test_a_replay_compares_the_config(engine):
    plain = gemchain.prompt("x", "simulated/echo")
    warm = gemchain.prompt("x", "simulated/echo", config={"temperature": 1})
    assert plain.digest != warm.digest
