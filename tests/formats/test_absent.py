"""A null in place of what may be left out, read through `Response.parsed`."""

import orjson
import pytest
from pydantic import BaseModel

from gemchain.formats.response import MODEL, parser


class Bird(BaseModel):
    name: str
    wings: int = 2


def never(name):
    raise AssertionError(name)


def test_an_object_of_a_class_gets_its_default():
    parse = parser(orjson.dumps({**Bird.model_json_schema(), MODEL: "x:Bird"}).decode(), lambda _: Bird)
    assert parse('{"name": "tit", "wings": null}') == Bird(name="tit")
    with pytest.raises(ValueError, match="name"):
        parse('{"name": null, "wings": null}')


def test_plain_data_has_no_such_property_and_a_needed_one_is_still_needed():
    parse = parser(orjson.dumps(Bird.model_json_schema()).decode(), never)
    assert parse('{"name": "tit", "wings": null}') == {"name": "tit"}
    with pytest.raises(ValueError, match="at name"):
        parse('{"name": null, "wings": 3}')
