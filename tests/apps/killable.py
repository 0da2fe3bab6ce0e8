"""Chains for the processes that are killed: their results follow from nothing but their rows."""

import gemchain

MODEL = "simulated/echo"


def begin(number, text):
    gemchain.submit(f"Title for row {number}: {text}", MODEL, spread, params={"number": number, "text": text})


def spread(response, number, text):
    """By row: straight on, a fork without a join, or a fork that is joined."""
    asked = [f"{verb} of row {number}, called {response.text}: {text}" for verb in ("Keywords", "A summary")]
    if number % 3 == 0:
        gemchain.submit(asked[0], MODEL, finish, params={"number": number})
    elif number % 3 == 1:
        for each in asked:
            gemchain.submit(each, MODEL, finish, params={"number": number})
    else:
        gemchain.gather([gemchain.prompt(each, MODEL) for each in asked], join, params={"number": number})


def join(answers, number):
    merged = " | ".join(answer.text for answer in answers)
    gemchain.submit(f"Merge for row {number}: {merged}", MODEL, finish, params={"number": number})


def finish(response, number):
    return {"number": number, "text": response.text}


print("loaded", flush=True)  # noqa: T201 -- the test kills only what has begun
