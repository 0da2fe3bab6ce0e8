"""The protobuf classes of the Firestore API that the store builds and reads, unwrapped.

google-cloud-firestore hands out proto-plus wrappers, which cost several times more per field than the
C messages beneath them. This module is the only one of the store that imports the SDK's messages.
"""

from typing import Any, TypeAlias

from gemchain.errors import MissingExtraError

try:
    from google.cloud.firestore_v1 import types
    from google.protobuf import timestamp_pb2
    from google.protobuf.message import DecodeError
except ImportError as error:
    raise MissingExtraError("Firestore", "firebase") from error

__all__ = [
    "BatchGetDocumentsRequest",
    "CommitRequest",
    "Cursor",
    "DecodeError",
    "Document",
    "DocumentMask",
    "FieldTransform",
    "Message",
    "RunAggregationQueryRequest",
    "RunQueryRequest",
    "StructuredQuery",
    "Timestamp",
    "Value",
    "Write",
    "types",
]

Message: TypeAlias = Any
"""A protobuf message: its fields are generated at run time, so no type checker knows them."""

BatchGetDocumentsRequest: Message = types.BatchGetDocumentsRequest.pb()
CommitRequest: Message = types.CommitRequest.pb()
Cursor: Message = types.Cursor.pb()
Document: Message = types.Document.pb()
DocumentMask: Message = types.DocumentMask.pb()
FieldTransform: Message = types.DocumentTransform.FieldTransform.pb()
RunAggregationQueryRequest: Message = types.RunAggregationQueryRequest.pb()
RunQueryRequest: Message = types.RunQueryRequest.pb()
StructuredQuery: Message = types.StructuredQuery.pb()
Timestamp: Message = timestamp_pb2.Timestamp
Value: Message = types.Value.pb()
Write: Message = types.Write.pb()
