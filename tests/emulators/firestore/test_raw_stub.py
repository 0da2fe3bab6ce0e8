"""The wire itself: a bare gRPC stub, without the client library's kindness."""

import grpc
import pytest
from google.cloud.firestore_v1 import types

SERVICE = "/google.firestore.v1.Firestore"


@pytest.fixture
def stub(host):
    """`stub(method, request, response)` answers a message, or a list for streaming methods."""
    with grpc.insecure_channel(host) as channel:

        def stub(method, request, response, *, stream=False):
            open_call = channel.unary_stream if stream else channel.unary_unary
            pb = type(request).pb(request) if hasattr(type(request), "pb") else request
            reply = open_call(f"{SERVICE}/{method}", type(pb).SerializeToString, response.pb().FromString)(
                pb, timeout=10
            )
            return list(reply) if stream else reply

        yield stub


@pytest.fixture
def root(project):
    return f"projects/{project}/databases/(default)"


def document(root, path, **numbers):
    fields = {name: {"integer_value": number} for name, number in numbers.items()}
    return types.Document(name=f"{root}/documents/{path}", fields=fields)


def commit(stub, root, *writes):
    return stub("Commit", types.CommitRequest(database=root, writes=list(writes)), types.CommitResponse)


def test_commit_and_get(stub, root):
    written = commit(stub, root, types.Write(update=document(root, "items/a", n=1)))
    read = stub("GetDocument", types.GetDocumentRequest(name=f"{root}/documents/items/a"), types.Document)
    assert read.fields["n"].integer_value == 1
    assert read.update_time == written.commit_time == written.write_results[0].update_time
    assert read.create_time == read.update_time


def test_a_delete_answers_no_update_time(stub, root):
    written = commit(stub, root, types.Write(delete=f"{root}/documents/items/a"))
    assert not written.write_results[0].HasField("update_time")


def test_get_of_a_missing_document_is_not_found(stub, root):
    with pytest.raises(grpc.RpcError) as refused:
        stub("GetDocument", types.GetDocumentRequest(name=f"{root}/documents/items/a"), types.Document)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_create_document_names_it_and_refuses_a_second(stub, root):
    request = types.CreateDocumentRequest(
        parent=f"{root}/documents", collection_id="items", document_id="a", document=types.Document()
    )
    assert stub("CreateDocument", request, types.Document).name == f"{root}/documents/items/a"
    with pytest.raises(grpc.RpcError) as refused:
        stub("CreateDocument", request, types.Document)
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_create_document_makes_an_id(stub, root):
    request = types.CreateDocumentRequest(
        parent=f"{root}/documents/items/a", collection_id="parts", document=types.Document()
    )
    made = stub("CreateDocument", request, types.Document)
    assert len(made.name.rpartition("/")[2]) == 20


def test_update_document_merges_by_mask_and_answers_by_mask(stub, root):
    commit(stub, root, types.Write(update=document(root, "items/a", x=1, y=1)))
    request = types.UpdateDocumentRequest(
        document=document(root, "items/a", x=2, y=2),
        update_mask={"field_paths": ["x"]},
        mask={"field_paths": ["y"]},
    )
    answer = stub("UpdateDocument", request, types.Document)
    assert {name: value.integer_value for name, value in answer.fields.items()} == {"y": 1}
    read = stub("GetDocument", types.GetDocumentRequest(name=f"{root}/documents/items/a"), types.Document)
    assert {name: value.integer_value for name, value in read.fields.items()} == {"x": 2, "y": 1}


def test_delete_document_honours_its_precondition(stub, root):
    request = types.DeleteDocumentRequest(name=f"{root}/documents/items/a", current_document={"exists": True})
    with pytest.raises(grpc.RpcError) as refused:
        stub("DeleteDocument", request, types.Document)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_query_without_results_answers_its_read_time(stub, root):
    query = types.StructuredQuery(from_=[{"collection_id": "items"}])
    request = types.RunQueryRequest(parent=f"{root}/documents", structured_query=query)
    (response,) = stub("RunQuery", request, types.RunQueryResponse, stream=True)
    assert response.HasField("read_time")
    assert not response.HasField("document")


def test_an_offset_is_reported_as_skipped_results(stub, root):
    commit(stub, root, *(types.Write(update=document(root, f"items/{name}")) for name in "abc"))
    query = types.StructuredQuery(from_=[{"collection_id": "items"}], offset=2)
    request = types.RunQueryRequest(parent=f"{root}/documents", structured_query=query)
    responses = stub("RunQuery", request, types.RunQueryResponse, stream=True)
    assert sum(response.skipped_results for response in responses) == 2
    assert [response.document.name[-1] for response in responses if response.HasField("document")] == ["c"]


def test_a_transform_write_works_by_itself(stub, root):
    transform = types.DocumentTransform(
        document=f"{root}/documents/items/a",
        field_transforms=[{"field_path": "n", "increment": {"integer_value": 3}}],
    )
    for expected in (3, 6):
        result = commit(stub, root, types.Write(transform=transform)).write_results[0]
        assert result.transform_results[0].integer_value == expected


def test_is_not_null_and_is_not_nan(stub, root):
    values = {"a": {"integer_value": 1}, "b": {"null_value": 0}, "c": {"double_value": float("nan")}}
    writes = [
        types.Write(update=types.Document(name=f"{root}/documents/items/{name}", fields={"n": value}))
        for name, value in values.items()
    ]
    commit(stub, root, *writes, types.Write(update=document(root, "items/d", other=1)))
    found = {}
    for operator in ("IS_NAN", "IS_NULL", "IS_NOT_NAN", "IS_NOT_NULL"):
        where = {"unary_filter": {"field": {"field_path": "n"}, "op": operator}}
        query = types.StructuredQuery(from_=[{"collection_id": "items"}], where=where)
        request = types.RunQueryRequest(parent=f"{root}/documents", structured_query=query)
        responses = stub("RunQuery", request, types.RunQueryResponse, stream=True)
        found[operator] = "".join(response.document.name[-1:] for response in responses)
    assert found == {"IS_NAN": "c", "IS_NULL": "b", "IS_NOT_NAN": "a", "IS_NOT_NULL": "ca"}


def test_a_query_across_all_collections_of_a_parent(stub, root):
    commit(stub, root, *(types.Write(update=document(root, path)) for path in ("a/1", "b/2", "b/2/c/3")))
    found = {}
    for descend in (False, True):
        query = types.StructuredQuery(from_=[{"all_descendants": descend}])
        request = types.RunQueryRequest(parent=f"{root}/documents", structured_query=query)
        responses = stub("RunQuery", request, types.RunQueryResponse, stream=True)
        found[descend] = "".join(response.document.name[-1] for response in responses)
    assert found == {False: "12", True: "123"}


def test_a_collection_group_below_a_document(stub, root):
    paths = ("top/x/parts/1", "top/x/mid/m/parts/2", "top/y/parts/3")
    commit(stub, root, *(types.Write(update=document(root, path)) for path in paths))
    query = types.StructuredQuery(from_=[{"collection_id": "parts", "all_descendants": True}])
    request = types.RunQueryRequest(parent=f"{root}/documents/top/x", structured_query=query)
    responses = stub("RunQuery", request, types.RunQueryResponse, stream=True)
    assert sorted(response.document.name[-1] for response in responses) == ["1", "2"]


def test_a_rollback_of_an_unknown_transaction_is_refused(stub, root):
    with pytest.raises(grpc.RpcError) as refused:
        stub("Rollback", types.RollbackRequest(database=root, transaction=b"unknown"), types.Document)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_retried_transaction_may_name_the_one_it_retries(stub, root):
    first = stub(
        "BeginTransaction", types.BeginTransactionRequest(database=root), types.BeginTransactionResponse
    )
    options = {"read_write": {"retry_transaction": first.transaction}}
    request = types.BeginTransactionRequest(database=root, options=options)
    second = stub("BeginTransaction", request, types.BeginTransactionResponse)
    assert second.transaction != first.transaction


@pytest.mark.parametrize(
    "messages",
    [
        ("Listen", types.ListenRequest, types.ListenResponse),
        ("Write", types.WriteRequest, types.WriteResponse),
        ("ExecutePipeline", types.ExecutePipelineRequest, types.ExecutePipelineResponse),
    ],
)
def test_what_the_emulator_lacks_it_says(emulator, stub, root, messages):
    method, request_type, response = messages
    with pytest.raises(grpc.RpcError) as refused:
        stub(method, request_type(database=root), response, stream=True)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert method in refused.value.details()
