"""The secrets of the routes, and what is missing where one is not set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gemchain.errors import ConfigurationError, MissingExtraError
from gemchain.settings import Settings

__all__ = ["SHORTEST", "Keys"]

SHORTEST = 16
"""Characters of the shared secret, at least."""

MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Keys:
    """What tells callers who may call from those who may not. An empty value turns off what needs it.

    Attributes:
        openai: The signing secret of OpenAI's webhook.
        gemini: The signing secret of the Gemini API's webhook.
        shared: What callers send that sign nothing.
        audience: The audience of the tokens that Pub/Sub and Eventarc send.
        account: The service account whose tokens these are.
    """

    openai: str = field(default="", repr=False)
    gemini: str = field(default="", repr=False)
    shared: str = field(default="", repr=False)
    audience: str = ""
    account: str = ""

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str]) -> "Keys":
        """The keys that are set.

        Raises:
            ConfigurationError: One of them cannot be right.
            MissingExtraError: A webhook's signature could not be checked.
        """
        openai = settings.openai_webhook_secret or environment.get("OPENAI_WEBHOOK_SECRET", "")
        keys = cls(
            openai.strip(),
            settings.gemini_webhook_secret.strip(),
            settings.push_secret.strip(),
            settings.push_audience.strip(),
            settings.push_account.strip(),
        )
        _check_signing("GEMCHAIN_OPENAI_WEBHOOK_SECRET (or OPENAI_WEBHOOK_SECRET)", keys.openai)
        _check_signing("GEMCHAIN_GEMINI_WEBHOOK_SECRET", keys.gemini)
        keys.check_others()
        return keys

    def check_others(self) -> None:
        """Refuse what would let in everybody.

        Raises:
            ConfigurationError: The shared secret is short, or a token's account or audience is not said.
        """
        if 0 < len(self.shared) < SHORTEST:
            raise ConfigurationError(
                f"GEMCHAIN_PUSH_SECRET has under {SHORTEST} characters, so it could be guessed; "
                f"make a longer one: {MAKE_ONE}"
            )
        if bool(self.audience) != bool(self.account):
            lacking = "GEMCHAIN_PUSH_ACCOUNT" if self.audience else "GEMCHAIN_PUSH_AUDIENCE"
            raise ConfigurationError(
                f"{lacking} is not set: Google signs tokens for everybody, so a token counts only with the "
                "audience and the service account of the subscription; set both, or neither"
            )


def _check_signing(variable: str, secret: str) -> None:
    if not secret:
        return
    try:
        from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook
    except ImportError as error:
        raise MissingExtraError("a webhook's signature", "serve") from error
    help_ = f"copy it as the service shows it once, when the webhook is created: {PREFIX}…"
    if not secret.startswith(PREFIX):
        raise ConfigurationError(f"{variable} is no signing secret, which begins with {PREFIX}; {help_}")
    try:
        Webhook(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise ConfigurationError(f"{variable} is no signing secret: {error}; {help_}") from error
