"""Google's identity tokens, as Pub/Sub and Eventarc send them, by a key that is served as Google's are."""

import pytest

from gemchain.providers.output_files import output_folder
from gemchain.serve.keys import Keys
from tests.serve.google_keys import ACCOUNT, AUDIENCE, Signer, served
from tests.serve.senders import SHARED, pubsub_push

STORAGE = "/notifications/storage"


@pytest.fixture(scope="module")
def signer():
    return Signer()


@pytest.fixture
def google(signer):
    with served(signer.certificate()) as google:
        yield google


@pytest.fixture
def push(endpoint, google):
    endpoint.with_keys(Keys(shared=SHARED, audience=AUDIENCE, account=ACCOUNT), certificates=google.url)
    batch = endpoint.running["vertex"]
    body = pubsub_push("bucket", f"gemchain/{output_folder(batch.id)}/p/predictions.jsonl")

    def push(token, path=STORAGE):
        return endpoint.post(path, body, {"Authorization": f"Bearer {token}"})[0]

    return push


def test_the_token_of_the_subscriptions_account_counts(endpoint, push, signer):
    assert push(signer.token()) == 200
    assert endpoint.due() == {"vertex"}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://another.example"},
        {"email": "stranger@gmail.com"},
        {"email_verified": False},
        {"iss": "https://stranger.example"},
    ],
)
def test_a_token_for_another_audience_or_of_another_account_is_refused_without_a_question(
    endpoint, push, signer, google, claims
):
    assert push(signer.token(**claims)) == 401
    assert google.asked == 0
    assert endpoint.nothing_changed()


def test_a_token_that_another_key_has_signed_or_that_is_too_old_is_refused(endpoint, push, signer):
    assert push(Signer().token()) == 401
    assert push(signer.token(age=4000)) == 401
    assert endpoint.nothing_changed()


@pytest.mark.parametrize("token", ["", "x", "a.b.c", SHARED])
def test_what_is_no_token_is_refused_also_the_shared_secret(endpoint, push, google, token):
    assert push(token) == 401
    assert push(token, f"{STORAGE}?token={SHARED}") == 401
    assert google.asked == 0
    assert endpoint.nothing_changed()


def test_while_googles_keys_cannot_be_had_the_sender_is_asked_to_come_again(endpoint, push, signer, google):
    google.status = 500
    assert push(signer.token()) == 503
    assert endpoint.nothing_changed()
    google.status = 200
    assert push(signer.token()) == 200
