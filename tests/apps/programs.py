"""Async chains for tests."""

import asyncio

import gemchain
from gemchain import chain, gather, prompt, wait
from tests.apps import flows
from tests.apps.flows import MODEL, OTHER

calls: list[str] = []
left = {"not_now": 0}


@chain
async def three(topic):
    calls.append("run")
    first = await prompt(f"one {topic}", MODEL)
    second = await prompt(f"two ({first.text})", MODEL)
    third = await prompt(f"three ({second.text})", OTHER)
    return third.text


@chain
async def fan(words):
    results = await gather([prompt(word, MODEL) for word in words])
    total = await prompt("+".join(each.text for each in results), MODEL)
    return total.text


async def deepen(word, depth):
    text = word
    for _ in range(depth):
        text = (await prompt(f"<{text}>", MODEL)).text
    return text


@chain
async def branches(count):
    return await gather([deepen(f"b{index}", index) for index in range(count)])


@chain
async def nested():
    inner = gather([prompt("x", MODEL), deepen("y", 2)])
    outer = await gather([pair("p"), inner, prompt("z", MODEL)])
    return [outer[0], [outer[1][0].text, outer[1][1]], outer[2].text]


async def pair(name):
    left, right = await gather([deepen(f"{name}l", 1), deepen(f"{name}r", 3)])
    last = await prompt(f"{left}|{right}", MODEL)
    return last.text


@chain
async def until_good(text):
    rounds = 0
    while True:
        answer = await prompt(f"{text} {rounds}", MODEL)
        rounds += 1
        if answer.text.endswith("3"):
            return rounds


@chain
async def careful(text):
    try:
        answer = await prompt(text, MODEL)
    except gemchain.PromptError as error:
        answer = await prompt(f"instead of {error.reason}", MODEL)
    return answer.text


@chain
async def careless(text):
    return (await prompt(text, MODEL)).text


@chain
async def errors_as_values(words):
    results = await gather([prompt(word, MODEL) for word in words], return_exceptions=True)
    return [each.reason if isinstance(each, gemchain.PromptError) else each.text for each in results]


async def raises(text):
    await prompt(text, MODEL)
    raise ValueError(text)


@chain
async def catches_what_branches_raise():
    try:
        await gather([deepen("a", 1), raises("b"), raises("c")])
    except ValueError as error:
        return f"caught {error}"
    return "not caught"


@chain
async def early(value):
    if value < 0:
        return "negative"
    return (await prompt(str(value), MODEL)).text


@chain
async def raises_itself(text):
    await prompt(text, MODEL)
    raise KeyError(text)


@chain
async def tells_time():
    before = [gemchain.now().isoformat(), gemchain.random(), str(gemchain.uuid())]
    await prompt("x", MODEL)
    between = [gemchain.now().isoformat(), gemchain.random(), str(gemchain.uuid())]
    await prompt(f"{before}{between}", MODEL)
    return [before, between]


@chain
async def sends_the_time():
    for _ in range(3):
        await prompt(f"at {gemchain.now().isoformat()}", MODEL)
    return "on time"


@chain
async def approval(text):
    draft = await prompt(text, MODEL)
    decision = await wait("approval")
    if decision["ok"]:
        return (await prompt(f"publish {draft.text}", MODEL)).text
    return "rejected"


@chain
async def two_waits():
    return await gather([wait("left"), wait("right")])


@chain
async def parent(words):
    children = [gemchain.start(three, word) for word in words]
    return [await child for child in children]


@chain
async def parent_of_branches(words):
    await prompt("first", MODEL)
    return await gather([child_of_branch(word) for word in words])


async def child_of_branch(word):
    if left["not_now"]:
        left["not_now"] -= 1
        raise gemchain.Retry(after=60)
    return await gemchain.start(flows.outline, word)


@chain
async def mixed_parent(topic):
    return await gemchain.start(flows.outline, topic)


@chain
async def sleeps():
    await prompt("x", MODEL)
    await asyncio.sleep(0)
    return "woke"


@chain
async def submits():
    gemchain.submit("x", MODEL)


@chain
async def clings():
    try:
        return (await prompt("x", MODEL)).text
    finally:
        await prompt("y", MODEL)


@chain
async def tidies():
    try:
        return (await prompt("x", MODEL)).text
    finally:
        calls.append("tidied")


@chain
async def no_branches():
    return await gather([])


@chain
async def branches_that_end_at_once():
    return await gather([deepen("a", 0), deepen("b", 1), deepen("c", 0)])


async def raise_at_once():
    raise ValueError("at once")


@chain
async def a_branch_that_raises_at_once():
    return await gather([deepen("a", 1), raise_at_once()])


@chain
async def all_branches_end_at_once():
    return await gather([deepen("a", 0), deepen("b", 0)])


@chain(name="report", version=1)
async def report_first(topic):
    text = (await prompt(f"v1 {topic}", MODEL)).text
    return (await prompt(f"v1 again {text}", MODEL)).text


@chain(name="report", version=2)
async def report(topic):
    return (await prompt(f"v2 {topic}", MODEL)).text


async def undecorated():
    await prompt("x", MODEL)


def wait_in_callback(text):
    gemchain.submit(text, MODEL, ask)


def ask(response):
    wait("approval", decide, params={"text": response.text})


def decide(value, text):
    gemchain.submit(f"{text} {value}", MODEL, say)


def say(response):
    return response.text
