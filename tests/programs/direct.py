"""What a program means: run at once, every await answered on the spot, nothing stored, nothing replayed."""

from datetime import UTC, datetime
from inspect import iscoroutine

from gemchain.api.specs import GatherSpec
from gemchain.durable.frames import Frame, entered_frame
from gemchain.formats.gemini.finish_reasons import judge
from gemchain.formats.response import PromptError, Response
from gemchain.records import Failure
from tests.programs.tree import program

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def body_of(text):
    """The answer to a prompt; some are kept back."""
    if text.startswith("bad"):
        return {"promptFeedback": {"blockReason": "SAFETY"}}
    said = {"role": "model", "parts": [{"text": f"<{text}>"}]}
    return {"candidates": [{"content": said, "finishReason": "STOP"}]}


def run(body):
    """How the program ends (`["done", value]` or `["failed", reason, message]`), and the texts it sent."""
    sent = []
    frame = Frame("", "", NOW)
    with entered_frame(frame):
        try:
            return ["done", _finish(program(body), sent)], sent
        except PromptError as error:
            return ["failed", error.reason, error.message], sent
        except Exception as error:  # noqa: BLE001 -- as the engine does
            return ["failed", "raised", f"{type(error).__name__}: {error}"], sent
        finally:
            for branch in frame.begun:
                branch.close()


def _finish(coroutine, sent):
    resume = lambda: coroutine.send(None)  # noqa: E731 -- replaced below
    while True:
        try:
            awaited = resume()
        except StopIteration as stop:
            return stop.value
        try:
            value = _outcome(awaited, sent)
        except Exception as error:  # noqa: BLE001 -- belongs to the program
            resume = lambda error=error: coroutine.throw(error)  # noqa: E731
        else:
            resume = lambda value=value: coroutine.send(value)  # noqa: E731


def _outcome(awaited, sent):
    if iscoroutine(awaited):
        return _finish(awaited, sent)
    if not isinstance(awaited, GatherSpec):
        return _answer(awaited, sent)
    outcomes = [_tried(branch, sent) for branch in awaited.branches]
    if not awaited.return_exceptions:
        for value, failed in outcomes:
            if failed:
                raise value
    return [value for value, _ in outcomes]


def _tried(branch, sent):
    try:
        return _outcome(branch, sent), False
    except Exception as error:  # noqa: BLE001 -- belongs to the program
        return error, True


def _answer(spec, sent):
    sent.append(spec.request)
    body = body_of(spec.request)
    failure = judge(body)
    if failure is not None:
        raise PromptError(Failure(failure.reason, failure.message))
    return Response(body)
