"""Files that a rehearsal keeps nowhere."""

import pytest

from gemchain.blobs.discarding import DiscardingBlobs
from gemchain.errors import BlobError, BlobNotFoundError


def test_objects_have_the_real_addresses_and_are_not_kept(tmp_path):
    blobs = DiscardingBlobs("gs://bucket/prefix/")
    with blobs.writer("a/b.jsonl") as file:
        assert file.write(b"content") == 7
    (tmp_path / "photo.png").write_bytes(b"12345")
    info = blobs.put("media/c.png", b"123", if_absent=True)
    (uploaded,) = blobs.upload_many([(tmp_path / "photo.png", "media/photo.png")])
    assert (info.uri, info.size) == ("gs://bucket/prefix/media/c.png", 3)
    assert (uploaded.uri, uploaded.size) == ("gs://bucket/prefix/media/photo.png", 5)
    assert blobs.stat(info.uri) is None
    assert list(blobs.list("media/")) == []
    blobs.delete(info.uri)
    for read in (blobs.read, blobs.stream):
        with pytest.raises(BlobNotFoundError, match="keeps no files"):
            read(info.uri)


def test_a_name_that_leads_out_is_refused_as_for_real_files():
    with pytest.raises(BlobError, match="cannot name a file"):
        DiscardingBlobs("gs://bucket").uri("../other")
