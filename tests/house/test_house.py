"""The layout: where a format's fields are known, how long files are, what a module's head says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gemchain"
FOLDERS = ("gemchain", "tests", "benchmarks", "examples", "tools")
CODE = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"node_modules", ".cache"} & set(path.parts)
]
MODULES = sorted(PACKAGE.rglob("*.py"))

KNOW_GEMINI = ("formats/gemini/", "formats/foreign_forms.py", "providers/", "emulators/", "simulated/")
"""Where the fields of Gemini's requests and answers may be named."""

FIELDS = """
contents candidates promptFeedback usageMetadata finishReason finishMessage blockReason systemInstruction
generationConfig safetySettings toolConfig cachedContent responseSchema responseJsonSchema responseMimeType
inlineData fileData fileUri functionCall functionResponse functionDeclarations promptTokenCount
candidatesTokenCount thoughtsTokenCount
"""
NAMED = re.compile(rf"""["'](?:{"|".join(FIELDS.split())})["']""")

LONGEST = 300
"""Lines of a file that need no reason."""

NEEDS_A_REASON = f"Longer than {LONGEST} lines: "


def docstring(path):
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def naming_lines(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in lines if NAMED.search(line)
    ]


def test_geminis_fields_are_named_only_where_its_format_is_known():
    others = [path for path in MODULES if not str(path.relative_to(PACKAGE)).startswith(KNOW_GEMINI)]
    assert len(others) > 100
    assert [line for path in others for line in naming_lines(path)] == []


def test_the_search_for_geminis_fields_finds_them_in_its_format():
    assert len([path for path in MODULES if naming_lines(path)]) > 5


def test_a_file_is_short_or_its_head_says_why_it_is_not():
    long = [path for path in CODE if len(path.read_text().splitlines()) > LONGEST]
    assert [str(path.relative_to(ROOT)) for path in long if NEEDS_A_REASON not in docstring(path)] == []


def test_a_reason_for_a_long_file_goes_when_the_file_is_short():
    short = [path for path in CODE if len(path.read_text().splitlines()) <= LONGEST]
    assert [str(path.relative_to(ROOT)) for path in short if NEEDS_A_REASON in docstring(path)] == []


def test_a_module_says_in_its_first_line_what_is_in_it():
    heads = {str(path.relative_to(ROOT)): docstring(path).partition("\n")[0] for path in MODULES}
    assert {name: head for name, head in heads.items() if not head.endswith((".", ":"))} == {}


def test_only_a_few_modules_lie_outside_of_a_room():
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "errors.py", "runtime.py", "settings.py", "testing.py", "wiring.py"}
