"""Settings become ports."""

import pytest

from gemchain.errors import ConfigurationError
from gemchain.settings import Settings
from gemchain.stores.sqlite import SqliteStore
from gemchain.wiring import build


@pytest.mark.parametrize(
    ("setting", "address", "scheme", "known"),
    [
        ("store", "mysql://host/base", "mysql", "firestore://"),
        ("store", "gemchain.db", "", "firestore://"),
        ("blobs", "s3://bucket", "s3", "gs://bucket"),
        ("waker", "cron://daily", "cron", "tasks://REGION"),
    ],
)
def test_an_address_of_which_nothing_is_known_is_refused_with_those_that_are(
    tmp_path, setting, address, scheme, known
):
    chosen = Settings().changed(state=str(tmp_path), **{setting: address})
    with pytest.raises(ConfigurationError, match=f"{setting} {address!r} begins with {scheme!r}; .*{known}"):
        build(chosen)


def test_without_addresses_everything_lies_in_the_state(tmp_path):
    runtime = build(Settings().changed(state=str(tmp_path)))
    assert isinstance(runtime.store, SqliteStore)
    assert runtime.blobs.uri("x") == (tmp_path / "files" / "x").as_uri()
    runtime.store.close()
