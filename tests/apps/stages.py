"""Callbacks for the tests of single stages."""

from datetime import timedelta

import gemchain

calls: list[str] = []
"""The texts that callbacks were given, in order; tests empty it first."""

errors: list[gemchain.PromptError] = []
"""What on_error was given."""

before_return = []
"""What the next callbacks do before they return, one function for each call."""


before_together = []
"""The same for what gets the values of several branches."""


def forget():
    """Empty all of these."""
    for each in (calls, errors, before_return, before_together):
        each.clear()


def take(response):
    calls.append(response.text)
    if before_return:
        before_return.pop(0)()
    return response.text


def carry_on(response):
    gemchain.submit(f"after {response.text}", "model", take)
    return take(response)


def urgent_last(response):
    gemchain.submit(f"after {response.text}", "model", take, priority=9 if response.text == "c" else 0)


def or_later(response):
    if response.text == "b":
        raise RuntimeError("not yet")
    return carry_on(response)


def many(response):
    for number in range(101):
        gemchain.submit(f"{number} after {response.text}", "model", take)


def two_models(response):
    gemchain.submit("one", "model", take)
    gemchain.submit("two", "other", take)


def fork(*texts):
    for text in texts:
        gemchain.submit(text, "model", take)


def fork_on(*texts):
    for text in texts:
        gemchain.submit(text, "model", carry_on)


def fork_in_a_hurry(*texts):
    for text in texts:
        gemchain.submit(text, "model", take, deadline=timedelta(seconds=60))


def gather_in_a_hurry(*texts):
    deadlines = [timedelta(seconds=60 * (number + 1)) for number in range(len(texts))]
    branches = [
        gemchain.prompt(text, "model", take, deadline=at) for text, at in zip(texts, deadlines, strict=True)
    ]
    gemchain.gather(branches, together, return_exceptions=True)


def gather_answers(*texts):
    gemchain.gather([gemchain.prompt(text, "model") for text in texts], texts_of)


def gather_taken(*texts):
    gemchain.gather([gemchain.prompt(text, "model", take) for text in texts], together)


def gather_beside(*texts):
    gather_taken(*texts)
    gemchain.submit("beside", "model", take)


def ask_somebody():
    gemchain.wait("a word", heard)


def heard(word):
    return word


def texts_of(answers):
    return [each.text for each in answers]


def together(results):
    if before_together:
        before_together.pop(0)()
    return [str(each) for each in results]


def rescue(error):
    errors.append(error)
    return error.reason


def not_now():
    """To be put into `before_return` or `before_together`."""
    raise RuntimeError("not now")


def raises(response):
    calls.append(response.text)
    raise RuntimeError(f"cannot take {response.text}")


def rescue_wants_another_answer(error):
    raise gemchain.Retry(resend=True)


def rescue_raises(error):
    raise RuntimeError(f"cannot rescue from {error.reason}")
