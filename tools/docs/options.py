"""An extension of griffe, which reads the API for the docs: `**options: Unpack[Options]` becomes its names.

griffe's own extension for this warns of names that a docstring describes, and lists them once more.
"""

from typing import Any

import griffe

__all__ = ["Options"]


class Options(griffe.Extension):
    """Puts the keys of a TypedDict into the signatures of functions that take them as keywords."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change every function of a package that has been read."""
        waiting: list[Any] = [pkg]
        while waiting:
            for member in waiting.pop().members.values():
                if member.is_alias:
                    continue
                waiting.append(member)
                if member.is_function:
                    _expand(member)


def _expand(function: griffe.Function) -> None:
    """Replace the keywords of a function by their names, unless its docstring speaks of them as one."""
    described = function.docstring.value if function.docstring else ""
    for parameter in list(function.parameters):
        annotation = parameter.annotation
        if parameter.kind is not griffe.ParameterKind.var_keyword or f"**{parameter.name}" in described:
            continue
        if isinstance(annotation, griffe.ExprSubscript) and annotation.canonical_path == "typing.Unpack":
            keys = _typed_dict(function, annotation)
            del function.parameters[parameter.name]
            for key in keys.attributes.values():
                function.parameters.add(
                    griffe.Parameter(
                        key.name,
                        annotation=key.annotation,
                        kind=griffe.ParameterKind.keyword_only,
                        default="...",
                    )
                )


def _typed_dict(function: griffe.Function, annotation: griffe.ExprSubscript) -> griffe.Class:
    found = function.modules_collection[getattr(annotation.slice, "canonical_path", str(annotation.slice))]
    target = found.final_target if isinstance(found, griffe.Alias) else found
    assert isinstance(target, griffe.Class)
    return target
