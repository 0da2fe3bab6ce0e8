"""What becomes of requests when the server of their model goes and comes back elsewhere."""

import orjson
import pytest

from gemchain.errors import ConfigurationError, ProviderUnavailableError
from gemchain.formats.direct_rows import write_row
from gemchain.providers.local import keeper as keeping
from gemchain.providers.local.keeper import ServerKeeper
from gemchain.providers.local.run import LocalRun
from gemchain.providers.local.servers import Address
from gemchain.records import InputRow

ROWS = [InputRow(f"p{number}", "{}") for number in range(3)]


class Server:
    """In place of a server: it is where the test says, and dies when the test says."""

    def __init__(self, tmp_path):
        self.model = tmp_path / "model.gguf"
        self.opened = 0
        self.dead = False
        self.error = None

    def open(self):
        if self.error is not None:
            raise self.error
        self.opened += 1
        self.dead = False
        return Address(f"http://127.0.0.1:{self.opened}", "key", self.opened)

    def alive(self, address):
        return not self.dead

    def last_words(self):
        return "its log is empty"

    def close(self):
        pass


class Sending:
    """In place of the requests to one server: what the test lets it answer."""

    held_up = ""

    def __init__(self, address):
        self.address = address
        self.fed = []
        self.lines = []
        self.stopped = False

    def room(self):
        return 8 - len(self.fed)

    def feed(self, rows):
        self.fed += [each.prompt_id for each in rows]

    def allow(self, seconds):
        self.allowed = seconds

    def answer(self, name):
        self.fed.remove(name)
        self.lines.append(write_row(name, "direct", 200, {"from": self.address.pid}))

    def take(self):
        lines, self.lines = self.lines, []
        return lines

    @property
    def pending(self):
        return len(self.fed) + len(self.lines)

    def stop(self, drain=0.0):
        self.stopped = True


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "LOOK_EVERY", 0)
    return Server(tmp_path)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def run(server, sent):
    def sender(address):
        sent.append(Sending(address))
        return sent[-1]

    return LocalRun(ServerKeeper(server), sender, "model")


def until_open(run):
    while run.room() == 0:
        pass


def named(lines):
    return [orjson.loads(line)["direct"] for line in lines]


def test_nothing_is_asked_for_before_the_server_is_there(run, sent):
    assert run.room() == 0
    assert (run.pending, run.held_up) == (0, "")
    until_open(run)
    run.feed(ROWS)
    assert sent[0].fed == ["p0", "p1", "p2"]
    assert run.pending == 3


def test_what_a_dead_server_had_not_answered_goes_to_the_next_one_and_nothing_else(run, server, sent):
    until_open(run)
    run.feed(ROWS)
    sent[0].answer("p1")
    assert named(run.take()) == ["p1"]
    sent[0].answer("p0")  # it came just before the end, and is kept
    server.dead = True
    until_open(run)
    assert named(run.take()) == ["p0"]
    assert sent[0].stopped
    assert sent[1].address != sent[0].address
    assert sent[1].fed == ["p2"]
    sent[1].answer("p2")
    assert named(run.take()) == ["p2"]
    assert run.pending == 0


def test_a_server_that_dies_again_and_again_without_an_answer_is_given_up(run, server):
    until_open(run)
    run.feed(ROWS)
    for _ in range(2):
        server.dead = True
        until_open(run)
    server.dead = True
    with pytest.raises(ConfigurationError, match=r"model\.gguf' died 3 times without an answer"):
        run.room()
    assert run.pending == 3


def test_deaths_with_answers_in_between_are_not_counted_together(run, server, sent):
    until_open(run)
    for _ in range(6):
        run.feed(ROWS[:1])
        sent[-1].answer("p0")
        assert named(run.take()) == ["p0"]
        server.dead = True
        until_open(run)
    assert server.opened == 7


def test_a_server_that_is_killed_while_it_loads_is_tried_three_times(run, server):
    server.error = ProviderUnavailableError("by signal 9 while it loaded the model")
    with pytest.raises(ConfigurationError, match=r"died 3 times .* by signal 9"):
        until_open(run)
    server.error = None
    until_open(run)
    assert server.opened == 1


def test_a_run_that_was_stopped_starts_no_server_any_more(run, server, sent):
    until_open(run)
    run.feed(ROWS)
    run.stop()
    server.dead = True
    assert run.room() == 0
    assert run.take() == []
    assert (server.opened, len(sent)) == (1, 1)
