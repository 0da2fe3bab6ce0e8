"""What each provider can do, as data: `gemchain models` prints it, and submit checks against it.

Lanes are in order of price, and among equals of speed: a flex request costs what one in a batch does.
"""

from gemchain.ports import Capabilities
from gemchain.records.lanes import BATCH, DIRECT, FLEX

__all__ = ["TABLE"]

OPENAI_FILES = ("image", "pdf", "text")
GEMINI_FILES = ("image", "pdf", "audio", "video", "text")

TABLE: dict[str, Capabilities] = {
    "vertex": Capabilities(lanes=(FLEX, BATCH, DIRECT), files=GEMINI_FILES),
    "gemini-api": Capabilities(
        lanes=(FLEX, BATCH, DIRECT),
        kinds=("generate", "embed"),
        files=GEMINI_FILES,
        partial=False,
        webhook=True,
    ),  # https://ai.google.dev/gemini-api/docs/flex-inference
    "local": Capabilities(lanes=(DIRECT,), files=("text",), batch_price=1.0),
    "anthropic": Capabilities(lanes=(BATCH, DIRECT), files=("image", "pdf", "text"), seed=False),
    "mistral": Capabilities(
        lanes=(BATCH, DIRECT), kinds=("generate", "embed"), files=("image", "pdf", "text")
    ),
    "openai": Capabilities(
        lanes=(FLEX, BATCH, DIRECT), kinds=("generate", "embed"), files=OPENAI_FILES, webhook=True
    ),
    "simulated": Capabilities(lanes=(FLEX, BATCH, DIRECT), kinds=("generate", "embed"), files=GEMINI_FILES),
}
"""Capabilities by the provider's name. A provider may narrow them for a model."""
