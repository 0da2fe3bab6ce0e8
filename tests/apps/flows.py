"""Chains for the tests of whole flows."""

import gemchain

MODEL = "simulated/echo"
OTHER = "simulated/other"

calls: list[str] = []
"""What ran, in order; tests empty it first."""


def echo(request):
    """A responder that repeats the last text it is given."""
    return request["contents"][-1]["parts"][-1]["text"]


# A chain of three prompts.


def outline(topic):
    calls.append(f"outline {topic}")
    gemchain.submit(f"outline {topic}", MODEL, draft, params={"topic": topic})


def draft(response, topic):
    calls.append(f"draft {topic}")
    gemchain.submit(f"draft {topic} from ({response.text})", MODEL, finish)


def finish(response):
    calls.append(f"finish {response.text}")
    return response.text.upper()


# A chain that forks: three branches, of which the second is longer.


def fork(topic):
    gemchain.submit(f"{topic} seed", MODEL, spread, params={"topic": topic})


def spread(response, topic):
    for index in range(3):
        gemchain.submit(f"{topic} {index}", MODEL, deepen if index == 1 else leaf, params={"index": index})


def deepen(response, index):
    gemchain.submit(f"deeper {response.text}", OTHER, leaf, params={"index": index})


def leaf(response, index):
    calls.append(f"leaf {index}")
    return {"index": index, "text": response.text}


def fork_at_once(words):
    for index, word in enumerate(words):
        gemchain.submit(word, MODEL, leaf, params={"index": index})


# Failures.


def careful(text, accept=()):
    gemchain.submit(text, MODEL, finish, on_error=rescue, accept=accept)


def careless(text):
    gemchain.submit(text, MODEL, finish)


def rescue(error):
    calls.append(f"rescue {error.reason}")
    return {"reason": error.reason, "message": error.message, "text": error.response and error.response.text}


def rescue_with_another_prompt(error):
    gemchain.submit(f"instead of {error.reason}", MODEL, finish)


def stubborn(text):
    gemchain.submit(text, MODEL, finish, on_error=rescue_with_another_prompt)


moods: dict[str, int] = {}
"""How often `moody` still raises, by text."""


def start_moody(text):
    gemchain.submit(text, MODEL, moody)


def moody(response):
    calls.append(f"moody {response.text}")
    gemchain.submit(f"after {response.text}", MODEL, finish)
    if moods.get(response.text, 0) > 0:
        moods[response.text] -= 1
        raise RuntimeError(f"not in the mood for {response.text}")


def returns_no_json(response):
    return object()


def start_returns_no_json():
    gemchain.submit("x", MODEL, returns_no_json)


def nothing_to_do(value):
    return {"value": value}


def asks_who_it_is(text):
    gemchain.submit(text, MODEL, who_am_i)


def who_am_i(response):
    now = gemchain.current()
    return [now.chain_id, now.prompt_id, now.attempt, now.idempotency_key]


def start_another(text):
    gemchain.submit(text, MODEL, begets)


def begets(response):
    return gemchain.start(outline, f"child of {response.text}").id


def as_data(text, schema=None):
    gemchain.submit(text, MODEL, schema=schema)
