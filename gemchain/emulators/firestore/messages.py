"""The protobuf classes of the Firestore API, unwrapped.

google-cloud-firestore hands out proto-plus wrappers, which cost several times more per field than
the C messages beneath them. This module is the only one that imports the SDK.
"""

from typing import Any, TypeAlias

from gemchain.errors import MissingExtraError

try:
    import grpc
    from google.cloud.firestore_v1 import types
    from google.protobuf import empty_pb2, timestamp_pb2
    from google.protobuf.message import DecodeError
    from google.rpc import status_pb2
except ImportError as error:
    raise MissingExtraError("The Firestore emulator", "firebase") from error

__all__ = [
    "AggregationResult",
    "BatchGetDocumentsRequest",
    "BatchGetDocumentsResponse",
    "BatchWriteRequest",
    "BatchWriteResponse",
    "BeginTransactionRequest",
    "BeginTransactionResponse",
    "CommitRequest",
    "CommitResponse",
    "CreateDocumentRequest",
    "Cursor",
    "DecodeError",
    "DeleteDocumentRequest",
    "Document",
    "Empty",
    "ExecutePipelineRequest",
    "ExecutePipelineResponse",
    "GetDocumentRequest",
    "ListCollectionIdsRequest",
    "ListCollectionIdsResponse",
    "ListDocumentsRequest",
    "ListDocumentsResponse",
    "ListenRequest",
    "ListenResponse",
    "Message",
    "PartitionQueryRequest",
    "PartitionQueryResponse",
    "RollbackRequest",
    "RunAggregationQueryRequest",
    "RunAggregationQueryResponse",
    "RunQueryRequest",
    "RunQueryResponse",
    "Status",
    "StructuredQuery",
    "Timestamp",
    "UpdateDocumentRequest",
    "Value",
    "Write",
    "WriteRequest",
    "WriteResponse",
    "WriteResult",
    "grpc",
]

Message: TypeAlias = Any
"""A protobuf message: its fields are generated at run time, so no type checker knows them."""

AggregationResult: Message = types.AggregationResult.pb()
BatchGetDocumentsRequest: Message = types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse: Message = types.BatchGetDocumentsResponse.pb()
BatchWriteRequest: Message = types.BatchWriteRequest.pb()
BatchWriteResponse: Message = types.BatchWriteResponse.pb()
BeginTransactionRequest: Message = types.BeginTransactionRequest.pb()
BeginTransactionResponse: Message = types.BeginTransactionResponse.pb()
CommitRequest: Message = types.CommitRequest.pb()
CommitResponse: Message = types.CommitResponse.pb()
CreateDocumentRequest: Message = types.CreateDocumentRequest.pb()
Cursor: Message = types.Cursor.pb()
DeleteDocumentRequest: Message = types.DeleteDocumentRequest.pb()
Document: Message = types.Document.pb()
Empty: Message = empty_pb2.Empty
GetDocumentRequest: Message = types.GetDocumentRequest.pb()
ListCollectionIdsRequest: Message = types.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse: Message = types.ListCollectionIdsResponse.pb()
ListDocumentsRequest: Message = types.ListDocumentsRequest.pb()
ListDocumentsResponse: Message = types.ListDocumentsResponse.pb()
ListenRequest: Message = types.ListenRequest.pb()
ListenResponse: Message = types.ListenResponse.pb()
PartitionQueryRequest: Message = types.PartitionQueryRequest.pb()
PartitionQueryResponse: Message = types.PartitionQueryResponse.pb()
RollbackRequest: Message = types.RollbackRequest.pb()
RunAggregationQueryRequest: Message = types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse: Message = types.RunAggregationQueryResponse.pb()
RunQueryRequest: Message = types.RunQueryRequest.pb()
RunQueryResponse: Message = types.RunQueryResponse.pb()
Status: Message = status_pb2.Status
StructuredQuery: Message = types.StructuredQuery.pb()
Timestamp: Message = timestamp_pb2.Timestamp
UpdateDocumentRequest: Message = types.UpdateDocumentRequest.pb()
Value: Message = types.Value.pb()
Write: Message = types.Write.pb()
WriteRequest: Message = types.WriteRequest.pb()
WriteResponse: Message = types.WriteResponse.pb()
WriteResult: Message = types.WriteResult.pb()

# Releases of google-cloud-firestore before pipelines lack these two; the RPC is refused anyway.
ExecutePipelineRequest: Message = getattr(types, "ExecutePipelineRequest", types.RunQueryRequest).pb()
ExecutePipelineResponse: Message = getattr(types, "ExecutePipelineResponse", types.RunQueryResponse).pb()
