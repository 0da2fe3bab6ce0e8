"""Requests per second of the direct lane, beside a bare client of asyncio and httpx2.

    python -m benchmarks.direct [--prompts 2000] [--latency 0.05] [--concurrency 64] [--memory]

A server in a process of its own answers each request after `--latency` seconds. It is asked by a bare client,
by the sender alone (`DirectRun`), and by whole runs from `submit` to the last callback over SQLite. The
lane's time is that from the first request to the last answer, by the server's own clock. Each is measured
`--rounds` times in turn, and the medians are compared. `--memory` samples the resident memory of a whole run
instead, for each tenth of it.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice

import httpx2
import orjson

import gemchain
from gemchain.formats.registry import format_named
from gemchain.providers.direct import DirectLane
from gemchain.providers.direct.endpoints import openai_compatible
from gemchain.records import Batch, InputRow
from gemchain.records.states import PromptState

MODEL = "compat/bench/model"
PAGE = os.sysconf("SC_PAGE_SIZE")
ANSWER = orjson.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "model": "model",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok " * 60}}
        ],
        "usage": {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100},
    }
)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)


class Exchange(asyncio.Protocol):
    """Answers POST after the latency; GET tells the time from the first request to the last answer, anew."""

    first: float | None = None
    last = 0.0
    count = 0
    latency = 0.0

    def connection_made(self, transport):
        self._transport = transport
        self._data = b""

    def data_received(self, data):
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + size:
                return
            self._data = self._data[end + 4 + size :]
            self._asked(head)

    def _asked(self, head):
        cls = type(self)
        if head.startswith(b"get"):
            told = orjson.dumps({"seconds": cls.last - (cls.first or cls.last), "count": cls.count})
            cls.first, cls.count = None, 0
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)
            )
            return
        cls.first = cls.first or time.perf_counter()
        asyncio.get_running_loop().call_later(cls.latency, self._answer)

    def _answer(self):
        cls = type(self)
        cls.last, cls.count = time.perf_counter(), cls.count + 1
        self._transport.write(RESPONSE)


async def serve(latency: float) -> None:
    Exchange.latency = latency
    server = await asyncio.get_running_loop().create_server(Exchange, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def serving(latency: float):
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.direct", "--serve", "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.wait()


def lane_seconds(url: str, prompts: int) -> float:
    """From the first request to the last answer since the last call, by the server's clock."""
    told = httpx2.get(url).json()
    assert told["count"] == prompts, told
    return told["seconds"]


def request(number: int) -> dict:
    return {"messages": [{"role": "user", "content": f"{number} ".ljust(200, "x")}]}


def bare(url: str, prompts: int, concurrency: int) -> None:
    """As one would write it by hand."""

    async def run() -> None:
        limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        async with httpx2.AsyncClient(limits=limits, timeout=60) as client:
            numbers = iter(range(prompts))

            async def work() -> None:
                for number in numbers:
                    body = {"model": "model", **request(number)}
                    reply = await client.post(f"{url}/chat/completions", json=body)
                    assert reply.json()["choices"]

            await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(run())


def sender(url: str, prompts: int, concurrency: int) -> None:
    """The sender alone, fed and emptied as the engine does it."""
    batch = Batch(id="b", lane="direct", provider="compat-bench", model="model", created_at=datetime.now(UTC))
    endpoint = openai_compatible(
        batch, format_named("openai_compat"), service="the server", base_url=url, concurrency=concurrency
    )
    run = DirectLane(lambda _: endpoint).start(batch)
    numbers, taken = iter(range(prompts)), 0
    while taken < prompts:
        rows = [InputRow(f"p{n}", orjson.dumps(request(n)).decode()) for n in islice(numbers, run.room())]
        if rows:
            run.feed(rows)
        taken += len(run.take())
        time.sleep(0.005)
    run.stop()


def begin(number: int):
    gemchain.submit(request(number), MODEL, done)


def done(response):
    return len(response.text)


def whole(url: str, prompts: int, concurrency: int) -> None:
    """From submit to the last callback."""
    with tempfile.TemporaryDirectory() as folder:
        servers = {"bench": {"url": url, "concurrency": concurrency}}
        runtime = gemchain.configure(state=folder, compat=servers, grace=0)
        gemchain.start_many(begin, ({"number": number} for number in range(prompts)))
        gemchain.run()
        counted = runtime.store.counters().prompts
        assert counted == {PromptState.DONE: prompts}, counted
        runtime.store.close()


WAYS = {"bare client": bare, "sender alone": sender, "whole run": whole}


def compare(options: argparse.Namespace) -> None:
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    with serving(options.latency) as url:
        for _ in range(options.rounds):
            for name, way in WAYS.items():
                begun = time.perf_counter()
                way(url, options.prompts, options.concurrency)
                all_of_it = time.perf_counter() - begun
                figures[name].append((lane_seconds(url, options.prompts), all_of_it))
    base = statistics.median(lane for lane, _ in figures["bare client"])
    for name, measured in figures.items():
        lane, all_of_it = (statistics.median(each) for each in zip(*measured, strict=True))
        print(
            f"{name:>12}: {options.prompts / lane:6,.0f} requests a second in the lane, "
            f"{base / lane:4.2f} of the bare client's; {options.prompts / all_of_it:6,.0f} a second in all",
            flush=True,
        )


def watch(samples: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.1):
        with open("/proc/self/statm") as file:  # noqa: PTH123 -- not a file of ours
            samples.append(int(file.read().split()[1]) * PAGE / 1e6)


def memory(options: argparse.Namespace) -> None:
    samples: list[float] = []
    stop = threading.Event()
    with serving(options.latency) as url:
        sampler = threading.Thread(target=watch, args=(samples, stop))
        sampler.start()
        begun = time.perf_counter()
        whole(url, options.prompts, options.concurrency)
        seconds = time.perf_counter() - begun
        stop.set()
        sampler.join()
    tenth = max(1, len(samples) // 10)
    peaks = [max(samples[at : at + tenth]) for at in range(0, len(samples), tenth)]
    print(f"{options.prompts:,} prompts in {seconds:.0f} s, {options.prompts / seconds:,.0f} a second")
    print("peak resident memory in each tenth:", ", ".join(f"{each:.0f}" for each in peaks), "MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--prompts", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds; 0.001 with --memory is quick")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="sample the memory of one whole run")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.latency))
    elif options.memory:
        memory(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
