"""Who this process is to the operating system."""

import subprocess

from kernel.runtime.unix_user import own_user


def test_it_is_who_the_system_says() -> None:
    found = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)

    assert own_user() == found.stdout.strip()
