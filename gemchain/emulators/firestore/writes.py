"""One write: its target, its precondition, and the document that comes out.

https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#write
"""

from typing import NamedTuple

from gemchain.emulators.firestore.messages import Document, Message
from gemchain.emulators.firestore.paths import writable_path
from gemchain.emulators.firestore.refusals import already_exists, failed_precondition, invalid, not_found
from gemchain.emulators.firestore.sizes import check_size
from gemchain.emulators.firestore.times import exact_micros, micros
from gemchain.emulators.firestore.transforms import apply_transform
from gemchain.emulators.firestore.values import check_fields, erase, lookup, place

__all__ = ["Outcome", "apply_write", "target"]


class Outcome(NamedTuple):
    """What a write makes of a document.

    Attributes:
        document: The new document without its times; None once deleted.
        transform_results: One value for each transform, in order.
    """

    document: Message | None
    transform_results: list[Message]


def target(write: Message) -> str:
    """The name of the document a write is about.

    Raises:
        Refusal: INVALID_ARGUMENT: the write has no operation, or a mask where none belongs.
    """
    operation = write.WhichOneof("operation")
    if operation == "update":
        return str(write.update.name)
    if write.HasField("update_mask") or write.update_transforms:
        raise invalid("update_mask and update_transforms can be set only when the operation is update.")
    if operation == "delete":
        return str(write.delete)
    if operation == "transform":
        if not write.transform.field_transforms:
            raise invalid("A transform must not be empty.")
        return str(write.transform.document)
    raise invalid("A write must have an operation: update, delete or transform.")


def apply_write(write: Message, name: str, current: Message | None, commit_us: int) -> Outcome:
    """Compute what `write` makes of the `current` document; nothing is stored.

    Raises:
        Refusal: The precondition is not met, or the new document is against a rule or a limit.
    """
    _check_precondition(write, name, current)
    operation = write.WhichOneof("operation")
    if operation == "delete":
        return Outcome(None, [])
    document = _updated(write, current) if operation == "update" else _copy(current)
    document.name = name
    transforms = write.update_transforms if operation == "update" else write.transform.field_transforms
    results = [apply_transform(document.fields, transform, commit_us) for transform in transforms]
    check_fields(document.fields)
    check_size(document)
    return Outcome(document, results)


def _updated(write: Message, current: Message | None) -> Message:
    update = write.update
    if not write.HasField("update_mask"):
        return _copy(update)
    document = _copy(current)
    for text in write.update_mask.field_paths:
        path = writable_path(text)
        value = lookup(update.fields, path)
        if value is None:
            erase(document.fields, path)
        else:
            place(document.fields, path, value)
    return document


def _copy(document: Message | None) -> Message:
    copy = Document()
    if document is not None:
        copy.CopyFrom(document)
    return copy


def _check_precondition(write: Message, name: str, current: Message | None) -> None:
    if not write.HasField("current_document"):
        return
    kind = write.current_document.WhichOneof("condition_type")
    if kind == "exists":
        _check_exists(wanted=write.current_document.exists, name=name, current=current)
    elif kind == "update_time":
        _check_update_time(write.current_document.update_time, name, current)


def _check_exists(*, wanted: bool, name: str, current: Message | None) -> None:
    if wanted and current is None:
        raise not_found(f"No document to update: {name}")
    if not wanted and current is not None:
        raise already_exists(f"Document already exists: {name}")


def _check_update_time(wanted: Message, name: str, current: Message | None) -> None:
    """A document that is missing has no time of update, so no time fits it: not that of 1970 either."""
    required = exact_micros(wanted, "The update_time of a precondition")
    stored = 0 if current is None else micros(current.update_time)
    if current is None or stored != required:
        raise failed_precondition(
            f"the stored version ({stored}) does not match the required base version ({required}): {name}"
        )
