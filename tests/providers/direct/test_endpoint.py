"""Requests as they are sent."""

import orjson
import pytest

from gemchain.formats.plain.format import PLAIN
from gemchain.providers.direct import Endpoint, FixedHeaders


def endpoint(**described):
    known = {"provider": "p", "service": "S", "model": "m", "url": "http://h/", "format": PLAIN}
    return Endpoint(**known, auth=FixedHeaders({"authorization": "Bearer secret"}), **described)


def test_fields_are_added_to_the_stored_request():
    body = endpoint(fields={"model": "m", "service_tier": "flex"}).body('{"messages":[1,2]}')
    assert orjson.loads(body) == {"model": "m", "service_tier": "flex", "messages": [1, 2]}


def test_they_win_over_the_requests_own():
    body = endpoint(fields={"model": "m"}).body('{"model":"other","n":1}')
    assert orjson.loads(body) == {"model": "m", "n": 1}


def test_a_text_that_looks_like_a_field_stays_a_text():
    body = endpoint(fields={"model": "m"}).body('{"text":"say \\"model\\": now"}')
    assert orjson.loads(body) == {"model": "m", "text": 'say "model": now'}


def test_an_empty_request_gets_its_fields_too():
    assert orjson.loads(endpoint(fields={"model": "m"}).body("{}")) == {"model": "m"}


def test_without_fields_it_is_sent_byte_by_byte():
    assert endpoint().body('{"a" : "ä"}') == '{"a" : "ä"}'.encode()


def test_what_is_no_object_is_refused():
    with pytest.raises(ValueError, match="no JSON object"):
        endpoint(fields={"model": "m"}).body("[1]")


def test_a_key_is_not_shown():
    assert "secret" not in repr(endpoint())
