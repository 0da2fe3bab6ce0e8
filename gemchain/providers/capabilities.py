"""What each provider can do, as data: `gemchain models` prints it, and submit checks against it.

Lanes are in order of price, and among equals of speed: a flex request costs what one in a batch does.
"""

from gemchain.ports import Capabilities
from gemchain.records.lanes import BATCH, DIRECT

__all__ = ["TABLE"]

GEMINI_FILES = ("image", "pdf", "audio", "video", "text")

TABLE: dict[str, Capabilities] = {
    "vertex": Capabilities(lanes=(BATCH,), files=GEMINI_FILES),
    "gemini-api": Capabilities(lanes=(BATCH,), files=GEMINI_FILES, partial=False, webhook=True),
    "simulated": Capabilities(lanes=(BATCH, DIRECT), kinds=("generate", "embed"), files=GEMINI_FILES),
}
"""Capabilities by the provider's name. A provider may narrow them for a model."""
