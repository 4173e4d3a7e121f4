"""Who this process is to the operating system: whom tasks run as when nobody says otherwise."""

import os
import pwd


def own_user() -> str:
    """The name of the user that runs this process, as Marathon takes it for its tasks."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "root"  # a container whose user id has no name
