"""Merging gemchain's lines into Firebase rules files of many forms."""

import pytest

from gemchain.cli.project.merge_rules import FIRESTORE, STORAGE, UnreadableError, block, merged, opened

SHOES = "match /shoes/{shoe} { allow read: if true; }"
TRICKY = """    // a { brace, and service cloud.firestore { in a comment
    /* match /databases/{d}/documents {
    */
    match /notes/{note} { allow read: if resource.data.text == 'a } brace // and' && "}" != '{'; }
"""


def firestore(inside, head="rules_version = '2';\n", root="/databases/{database}/documents"):
    return f"{head}service cloud.firestore {{\n  match {root} {{\n{inside}\n  }}\n}}\n"


@pytest.mark.parametrize("inside", ["", f"    {SHOES}", TRICKY, "    function a() { return {'x': 1}; }"])
@pytest.mark.parametrize("head", ["", "rules_version = '2';\n", "// service cloud.firestore {\n"])
@pytest.mark.parametrize("root", ["/databases/{database}/documents", "/databases/{ db }/documents"])
def test_the_lines_go_into_the_outermost_match_and_everything_else_stays(inside, head, root):
    text = firestore(inside, head, root)
    once = merged(text, FIRESTORE, ["a", "b"])
    assert once.replace(block(["a", "b"]), "") == text
    assert once.index("service") < once.index("match /a/{all=**}")
    assert merged(once, FIRESTORE, ["a", "b"]) == once


def test_a_later_run_replaces_the_lines_of_an_earlier_one():
    once = merged(firestore(SHOES), FIRESTORE, ["old"])
    assert merged(once, FIRESTORE, ["new"]) == merged(firestore(SHOES), FIRESTORE, ["new"])


def test_the_lines_are_indented_like_their_surroundings():
    text = "service firebase.storage {\n\tmatch /b/{bucket}/o {\n\t}\n}\n"
    assert "\n\t  match /gemchain/{all=**}" in merged(text, STORAGE, ["gemchain"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not rules at all",
        firestore("").replace("}\n}", "}"),
        firestore("") + firestore(""),
        firestore("", root="/databases/{database}/documents/{document=**}"),
        firestore("", root="/databases/(default)/documents"),
        firestore(SHOES).replace("documents {\n", "documents { "),
        "service firebase.storage {\n  match /b/{bucket}/o {\n  }\n}\n",
        firestore("    // gemchain ends\n"),
        merged(firestore(""), FIRESTORE, ["a"]) + merged(firestore(""), FIRESTORE, ["a"]),
    ],
)
def test_rules_that_cannot_be_parsed_are_refused(text):
    with pytest.raises(UnreadableError, match=r"\w"):
        merged(text, FIRESTORE, ["a"])


@pytest.mark.parametrize(
    ("inside", "paths"),
    [
        (SHOES, []),
        ("match /{document=**} { allow read, write: if false; }", []),
        ("match /{document=**} { allow read, write: if false ; allow get; }", ["/{document=**}"]),
        ("match /{document=**} { allow read; }", ["/{document=**}"]),
        ("match /{a}/{b} { allow write: if request.auth != null; }", ["/{a}/{b}"]),
        ("match /{path=**}/comments/{c} { allow read: if true; }", ["/{path=**}/comments/{c}"]),
        ("match /{a}/{b} { match /c/{d} { allow read: if true; } }", ["/{a}/{b}", "/{a}/{b}/c/{d}"]),
        ("match /users/{u} { match /{x=**} { allow read; } }", []),
        ("// match /{document=**} { allow read; }", []),
        (TRICKY, []),
    ],
)
def test_rules_that_reach_everything_and_allow_something_are_found(inside, paths):
    root = "/databases/{database}/documents"
    assert opened(firestore(inside), FIRESTORE) == [f"{root}{each}" for each in paths]


def test_a_match_of_everything_in_one_path_is_found_too():
    text = "service firebase.storage { match /b/{bucket}/o/{all=**} { allow read; } }"
    assert opened(text, STORAGE) == ["/b/{bucket}/o/{all=**}"]
