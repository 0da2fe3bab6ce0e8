"""A bucket in memory: the `Blobs` port, and the storage of the Vertex stand-in, over the same objects."""

import contextlib
import io
import itertools

from gemchain.blobs.names import check_name
from gemchain.errors import BlobNotFoundError
from gemchain.ports import BlobInfo

ROOT = "gs://bucket/"


class MemoryBucket:
    def __init__(self):
        self.objects: dict[str, tuple[int, bytes]] = {}
        self._generations = itertools.count(1)

    # What the engine and the providers use.

    def uri(self, name):
        return ROOT + check_name(name)

    @contextlib.contextmanager
    def writer(self, name):
        out = io.BytesIO()
        yield out
        self._keep(self.uri(name), out.getvalue())

    def put(self, name, data, *, if_absent=False):
        uri = self.uri(name)
        if not (if_absent and uri in self.objects):
            self._keep(uri, data)
        return self.stat(uri)

    def upload_many(self, pairs):
        return [self.put(name, path.read_bytes()) for path, name in pairs]

    def stat(self, uri):
        found = self.objects.get(uri)
        return BlobInfo(uri, found[0], len(found[1])) if found else None

    def read(self, uri, *, generation=None, start=0, end=None):
        found = self.objects.get(uri)
        if found is None or generation not in (None, found[0]):
            raise BlobNotFoundError(uri)
        return found[1][start:end]

    def stream(self, uri, *, generation=None, start=0, chunk=1 << 20):
        data = self.read(uri, generation=generation, start=start)
        return iter([data[place : place + chunk] for place in range(0, len(data), chunk)])

    def list(self, prefix):
        prefix = prefix if prefix.startswith(ROOT) else ROOT + prefix
        return iter([self.stat(uri) for uri in sorted(self.objects) if uri.startswith(prefix)])

    def delete(self, uri):
        self.objects.pop(uri, None)

    # What the stand-in uses besides.

    def size(self, uri):
        found = self.stat(uri)
        return found and found.size

    def expand(self, uri):
        return [uri]

    def has_bucket(self, uri):
        return uri.startswith(ROOT)

    def write(self, uri, pieces):
        self._keep(uri, b"".join(pieces))

    def _keep(self, uri, data):
        self.objects[uri] = (next(self._generations), data)


class BucketStorage:
    """The same bucket in the stand-in's words; `read` means something else there."""

    def __init__(self, bucket):
        self._bucket = bucket
        self.size, self.expand = bucket.size, bucket.expand
        self.has_bucket, self.write = bucket.has_bucket, bucket.write

    def read(self, uri):
        return self._bucket.stream(uri)
