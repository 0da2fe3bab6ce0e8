"""Functions that may, and others that may not, be stored by name."""

import functools
import os
from shutil import rmtree  # noqa: F401 -- imported on purpose: it must not be callable by name

popen = os.popen
size = len


def take(response):
    return response.text


def take_named(response, title, *, count=1):
    return title, count


def take_anything(response, **params):
    return params


def begin(topic):
    return topic


async def later(response):
    return response


@functools.wraps(take)
def wrapped(response):
    return take(response)


def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@logged
def decorated(response):
    return response.text


def outer():
    def inner(response):
        return response

    return inner


class Shop:
    def method(self, response):
        return response

    @staticmethod
    def static(response):
        return response


shadowed = take


def twice(response):
    return 1


first_twice = twice


def twice(response):
    return 2
