"""One program: what it means, and what becomes of it under several arrival orders."""

from itertools import count

from tests.programs import direct
from tests.programs.durable import World
from tests.programs.tree import grow

MOST = 40
"""Prompts that one program sends at most."""


def chosen(seed):
    """The program of a seed, with its end and what it sends: the first that sends 1 to 40 prompts."""
    for attempt in count():
        body = grow(f"{seed}/{attempt}")
        end, sent = direct.run(body)
        if 0 < len(sent) <= MOST:
            return body, end, sent
    raise AssertionError


def differences(seed, orders):
    """How many prompts the program has, and where an arrival order leads elsewhere than a direct run."""
    body, end, sent = chosen(seed)
    found = []
    for order in range(orders):
        world = World(f"{seed}/{order}")
        found_end, found_sent = world.run(body)
        world.close()
        if found_end != end:
            found.append(f"seed {seed} order {order}: ends {found_end}, not {end}")
        if sorted(found_sent) != sorted(sent):
            found.append(f"seed {seed} order {order}: sends {sorted(found_sent)}, not {sorted(sent)}")
    return len(sent), end[0], found
