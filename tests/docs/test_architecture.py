"""`docs/architecture.md` leads to the lines it speaks of, and names what is there."""

import re
from pathlib import Path

from tests.docs.line_links import DOCUMENT, LINK, ROOT, line_of
from tests.house.test_request_path import PATH

TEXT = DOCUMENT.read_text()


def test_every_link_leads_to_the_line_where_its_function_begins():
    links = LINK.findall(TEXT)
    assert len(links) > 15
    wrong = [link for link in links if line_of(link[0], link[1]) != int(link[2])]
    assert not wrong, "set them right with: python -m tests.docs.line_links"


def test_every_room_and_no_other_is_drawn():
    drawn = set(re.findall(r'\w+\["(\w+)(?:\.py)?[<"]', TEXT))
    rooms = {path.parent.name for path in (ROOT / "gemchain").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "gemchain").glob("*.py")} - {"__init__"}
    assert drawn == rooms | modules


def test_every_file_and_folder_that_is_named_is_there():
    named = set(re.findall(r"`([\w/.]+/[\w/.]*|[\w/]+\.(?:py|toml|md))`", TEXT))
    assert len(named) > 20
    gone = [name for name in named if not ((ROOT / name).exists() or (ROOT / "gemchain" / name).exists())]
    assert [name for name in gone if "NAME" not in name] == []


def test_the_request_path_it_tells_is_the_one_that_is_traced():
    told = [Path(path).relative_to("gemchain") for _, path, _ in LINK.findall(TEXT)]
    modules = [".".join(path.with_suffix("").parts) for path in told]
    assert list(dict.fromkeys(modules))[: len(PATH)] == PATH
