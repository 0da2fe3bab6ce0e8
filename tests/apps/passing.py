"""Async chains that hand descriptions, errors and values of all kinds around."""

from gemchain import chain, gather, prompt
from tests.apps.flows import MODEL


async def improve(described):
    return (await prompt(f"{(await described).text}!", MODEL)).text


@chain
async def one_prompt_many_times(count):
    votes = await gather([prompt("vote", MODEL)] * count)
    return [vote.text for vote in votes]


@chain
async def prompts_described_outside_of_their_branch():
    drafts = [prompt(f"draft {index}", MODEL) for index in range(3)]
    return await gather([improve(draft) for draft in drafts])


async def with_another(gathered):
    (first, second), last = await gather([gathered, prompt("last", MODEL)])
    return [first, second.text, last.text]


@chain
async def a_gather_described_outside_of_its_branch():
    described = gather([improve(prompt("a", MODEL)), prompt("b", MODEL)])
    return await gather([with_another(described), improve(prompt("c", MODEL))])


@chain
async def a_gather_awaited_later():
    later = gather([improve(prompt("a", MODEL)), improve(prompt("b", MODEL))])
    first = await prompt("first", MODEL)
    return [first.text, *await later]


async def decodes(data):
    await prompt("x", MODEL)
    return bytes(data).decode()


@chain
async def catches_an_error_with_many_arguments():
    try:
        await gather([decodes([255])])
    except ValueError as error:
        return str(error)
    return "not caught"


async def looks_up(key):
    await prompt("x", MODEL)
    return {}[key]


@chain
async def catches_a_key_error():
    try:
        await gather([looks_up("k")])
    except KeyError as error:
        return error.args[0]
    return "not caught"


async def returns_the_error():
    (error,) = await gather([looks_up("k")], return_exceptions=True)
    return error


@chain
async def an_error_that_a_branch_returns_is_a_value():
    error, text = await gather([returns_the_error(), improve(prompt("x", MODEL))])
    return [type(error).__name__, text]


async def several(name):
    first = await prompt(f"{name} 1", MODEL)
    second = await prompt(f"{name} 2", MODEL)
    return {"name": name, "pair": (first, [second])}


@chain
async def responses_inside_of_other_values():
    results = await gather([several("a"), several("b")])
    return [[each["name"], each["pair"][0].text, each["pair"][1][0].text] for each in results]


@chain
async def raises_after_a_failure():
    try:
        return (await prompt("bad", MODEL)).text
    except ValueError:
        return "another error than the first time"
    except Exception as error:
        raise ValueError("out of the handler") from error


@chain
async def fixed(words):
    results = await gather([prompt(word, MODEL) for word in words])
    return [each.text for each in results]


def follow(response):
    return response.text


@chain
async def with_a_callback():
    await gather([prompt("x", MODEL, follow)])
