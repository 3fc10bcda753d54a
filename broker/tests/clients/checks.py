"""What the Python programs share."""

import time

PATIENCE_S = 180


def wait_for(what, done):
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"it took too long until {what}"
        time.sleep(0.05)


def same(got, expected):
    assert got == expected, f"got {got!r}, not {expected!r}"


def run(steps, names):
    """Runs these steps, all if none is named; says which are done."""
    for name in names or steps:
        steps[name]()
        print("ok", name)
