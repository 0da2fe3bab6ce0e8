"""The service as gRPC handlers: locking, counting, faults and statuses around every call."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore import messages as pb
from gemchain.emulators.firestore.faults import Faults
from gemchain.emulators.firestore.messages import Message, grpc
from gemchain.emulators.firestore.refusals import Refusal, invalid
from gemchain.emulators.firestore.service import Service, refuse

__all__ = ["SERVICE_NAME", "handlers"]

SERVICE_NAME = "google.firestore.v1.Firestore"


class _Oversized(NamedTuple):
    """Stands for a request above the limit, so that it is answered like any other refusal."""

    size: int


class _Method(NamedTuple):
    name: str
    call: Callable[[Message], Any]
    service: Service
    faults: Faults

    def answer(self, request: Message, context: grpc.ServicerContext) -> Any:
        """Run one call and turn a refusal into a gRPC status."""
        try:
            return self._guarded(request)
        except Refusal as refusal:
            return context.abort(refusal.code, refusal.message)

    def stream(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        """The same for a method that answers with a list."""
        yield from self.answer(request, context)

    def _guarded(self, request: Message) -> Message | Iterable[Message]:
        if isinstance(request, _Oversized):
            raise invalid(f"Request payload size exceeds the limit: {limits.REQUEST_BYTES} bytes.")
        database = self.service.of(request).database
        with database.lock:
            database.meter.rpcs[self.name] += 1
        # Outside the lock: a paused call must not hold up the others.
        fate = self.faults.enter(self.name)
        fate.before()
        with database.lock:
            answer = self.call(request)
        fate.after()
        return answer


def _parser(message: Message) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        return _Oversized(len(data)) if len(data) > limits.REQUEST_BYTES else message.FromString(data)

    return parse


def _unary(method: _Method, request: Message) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(method.answer, _parser(request), _serialize)


def _streamed(method: _Method, request: Message) -> grpc.RpcMethodHandler:
    return grpc.unary_stream_rpc_method_handler(method.stream, _parser(request), _serialize)


def _refused(name: str, request: Message) -> grpc.RpcMethodHandler:
    call = refuse(name)

    def answer(requests: Iterator[Message], context: grpc.ServicerContext) -> Any:
        try:
            call(requests)
        except Refusal as refusal:
            return context.abort(refusal.code, refusal.message)

    return grpc.stream_stream_rpc_method_handler(answer, request.FromString, _serialize)


def _serialize(message: Message) -> bytes:
    return bytes(message.SerializeToString())


def handlers(service: Service, faults: Faults) -> grpc.GenericRpcHandler:
    """Every RPC of the API, those the emulator refuses included."""
    method = partial(_Method, service=service, faults=faults)
    unary = {
        "GetDocument": (service.get_document, pb.GetDocumentRequest),
        "CreateDocument": (service.create_document, pb.CreateDocumentRequest),
        "UpdateDocument": (service.update_document, pb.UpdateDocumentRequest),
        "DeleteDocument": (service.delete_document, pb.DeleteDocumentRequest),
        "ListDocuments": (service.list_documents, pb.ListDocumentsRequest),
        "ListCollectionIds": (service.list_collection_ids, pb.ListCollectionIdsRequest),
        "PartitionQuery": (service.partition_query, pb.PartitionQueryRequest),
        "Commit": (service.commit, pb.CommitRequest),
        "BatchWrite": (service.batch_write, pb.BatchWriteRequest),
        "BeginTransaction": (service.begin_transaction, pb.BeginTransactionRequest),
        "Rollback": (service.rollback, pb.RollbackRequest),
    }
    streamed = {
        "BatchGetDocuments": (service.batch_get_documents, pb.BatchGetDocumentsRequest),
        "RunQuery": (service.run_query, pb.RunQueryRequest),
        "RunAggregationQuery": (service.run_aggregation_query, pb.RunAggregationQueryRequest),
        "ExecutePipeline": (refuse("ExecutePipeline"), pb.ExecutePipelineRequest),
    }
    table = {name: _unary(method(name, call), request) for name, (call, request) in unary.items()}
    table |= {name: _streamed(method(name, call), request) for name, (call, request) in streamed.items()}
    table |= {name: _refused(name, request) for name, request in _BIDIRECTIONAL.items()}
    return grpc.method_handlers_generic_handler(SERVICE_NAME, table)


_BIDIRECTIONAL: dict[str, Message] = {"Listen": pb.ListenRequest, "Write": pb.WriteRequest}
