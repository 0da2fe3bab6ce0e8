"""The model and the lane that the command line chooses, checked before anything is recorded."""

from gemchain.api.choices import checked_lane, chosen_lane
from gemchain.errors import ConfigurationError, ModelError
from gemchain.money.models import check_model, names_in
from gemchain.runtime import Runtime

__all__ = ["check_choices"]


def check_choices(runtime: Runtime, model: str | None, lane: str | None) -> None:
    """Refuse a model or a lane of the command line that does not exist.

    Raises:
        ConfigurationError: The chain's file configures another one.
        InvalidInputError: There is no such model, there is no such lane, or the model has not this lane; the
            message says what there is.
    """
    settings = runtime.settings
    for option, given, configured in (
        ("--model", model, settings.default_model),
        ("--lane", lane, settings.lane),
    ):
        if given is not None and given != configured:
            name = "default_model" if option == "--model" else "lane"
            raise ConfigurationError(
                f"the file configures {name} {configured!r}, the command line {option} {given!r}; "
                "leave one out"
            )
    checked_lane(lane)
    if model is not None:
        _check_model(runtime, model)
    if lane is not None and settings.default_model:
        _check_lane(runtime, settings.default_model, lane)


def _check_model(runtime: Runtime, model: str) -> None:
    try:
        provider, inner = runtime.providers.split(model)
        if not runtime.settings.allow_unknown_models:
            check_model(model, provider, inner, names_in(runtime.settings.known_models))
    except ModelError as error:
        words = str(error) if str(error).endswith("?") else f"{error}."
        raise ModelError(f"--model: {words} `gemchain models` lists those that are known") from error


def _check_lane(runtime: Runtime, model: str, lane: str) -> None:
    provider, inner = runtime.providers.split(model)
    try:
        can = runtime.providers.named(provider).capabilities(inner)
    except ConfigurationError:
        return  # it is not set up yet, and the first prompt says how to do that
    chosen_lane(model, can, lane, None, runtime.clock.now())
