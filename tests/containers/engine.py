"""A Docker engine of the tests' own, and a base image made of this machine's own packages, since no
registry is needed then: the files of Debian's packages as they lie here, and wheels for pip.
"""

import configparser
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.containers.compose import ROOT
from tests.processes import wait_until

PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "debianutils",
    "findutils", "grep", "haproxy", "hostname", "libc-bin", "openjdk-17-jre-headless", "passwd",
    "python3", "python3-venv", "redis-server", "sed", "zookeeper",
)  # fmt: skip
_NOT_NEEDED = {"default-jre", "openjdk-17-jre"}  # the headless one does
_LEFT_OUT = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info")
# What maintainer scripts make, so that no package lists it.
_MADE = (
    "/bin", "/lib", "/lib64", "/sbin", "/root", "/tmp", "/etc/passwd", "/etc/group",
    "/etc/ld.so.cache", "/etc/nsswitch.conf", "/usr/bin/java", "/usr/bin/awk",
)  # fmt: skip
_MADE_BELOW = ("/etc/alternatives", "/etc/ssl/certs", "/etc/java-17-openjdk")


class Engine:
    """`docker …`, spoken to the engine in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **os.environ, "DOCKER_HOST": f"unix://{directory}/socket", "DOCKER_BUILDKIT": "0",
        }  # fmt: skip

    def run(self, *words: str, timeout_s: float = 300) -> str:
        """What it says; fails with what it complains about."""
        done = subprocess.run(
            words, capture_output=True, text=True, env=self.environment, cwd=self.directory,
            timeout=timeout_s,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}: {(done.stdout + done.stderr)[-3000:]}"
        return done.stdout

    def docker(self, *words: str) -> str:
        return self.run("docker", *words)

    def answers(self) -> bool:
        asked = ["docker", "version"]
        return subprocess.run(asked, capture_output=True, env=self.environment).returncode == 0

    def health(self) -> dict[str, str]:
        """Service -> healthy, unhealthy, starting, or the state of what does not run."""
        ids = self.docker("ps", "--all", "--quiet").split()
        found = json.loads(self.docker("inspect", *ids)) if ids else []
        return {
            each["Config"]["Labels"]["com.docker.compose.service"]: (
                each["State"]["Health"]["Status"]
                if each["State"]["Running"]
                else each["State"]["Status"]
            )
            for each in found
        }


@contextmanager
def engine() -> Iterator[Engine]:
    """Starts dockerd in a directory of its own, with no change to this machine's firewall."""
    if os.geteuid() != 0:
        pytest.skip("no dockerd: it needs root")
    for program, package in (("dockerd", "docker.io"), ("docker", "docker.io")):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}: install it (Debian: apt-get install {package})")
    directory = Path(tempfile.mkdtemp(prefix="tepui-engine-"))  # short: sockets' paths must be
    words = [
        "dockerd", "--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec",
        "--pidfile", f"{directory}/pid", "--host", f"unix://{directory}/socket",
        "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none",
    ]  # fmt: skip
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    made = Engine(directory)
    try:
        wait_until(lambda: process.poll() is not None or made.answers(), 60, "dockerd answers")
        if process.poll() is not None:
            lines = (directory / "log").read_text(errors="replace").splitlines()
            pytest.skip(f"dockerd does not start here: {lines[-1] if lines else 'no word'}")
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        shutil.rmtree(directory, ignore_errors=True)


def make_base(found: Engine, name: str) -> None:
    """Import an image that has all that the Dockerfile would fetch."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("no base image: it is made of Debian's packages, and this is no Debian")
    wheels = found.directory / "wheels"
    venv = found.directory / "venv"  # of the Python that the base has: wheels depend on it
    found.run("/usr/bin/python3", "-m", "venv", str(venv))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needed = setup["options"]["install_requires"].split()
    found.run(str(venv / "bin/pip"), "download", "--quiet", "--only-binary=:all:",
              "--dest", str(wheels), "setuptools>=68", "wheel", *needed)  # fmt: skip
    tar_path = found.directory / "base.tar"
    with tarfile.open(tar_path, "w") as tar:
        for path in _files(_closure(PACKAGES)):
            tar.add(path, recursive=False)
        tar.add(wheels, arcname="wheels")
    changes = [
        f"--change=ENV {each}"
        for each in (
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PIP_NO_INDEX=1",
            "PIP_FIND_LINKS=/wheels",
        )
    ]
    found.docker("import", *changes, str(tar_path), name)
    tar_path.unlink()


def _closure(roots: tuple[str, ...]) -> list[str]:
    """The packages that these need, of those that are installed here."""
    form = "${Package}\t${Depends},${Pre-Depends}\t${Provides}\n"
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat", form], capture_output=True, text=True, check=True
    )
    needs: dict[str, list[list[str]]] = {}
    providers: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        package, depends, provides = line.split("\t")
        if package in _NOT_NEEDED:
            continue
        needs[package] = [_names(each.split("|")) for each in depends.split(",")]
        for provided in _names(provides.split(",")):
            providers.setdefault(provided, package)
    missing = [root for root in roots if root not in needs]
    if missing:
        pytest.skip(f"no base image: install {' '.join(missing)}")
    seen: set[str] = set()
    ahead = list(roots)
    while ahead:
        asked = ahead.pop()
        package = asked if asked in needs else providers[asked]
        if package in seen:
            continue
        seen.add(package)
        for alternatives in needs[package]:
            here = [each for each in alternatives if each in needs or each in providers]
            ahead += here[:1]
    return sorted(seen)


def _names(texts: list[str]) -> list[str]:
    """`libc6:any (>= 2.3)` is libc6."""
    return [text.split()[0].split(":")[0] for text in texts if text.strip()]


def _files(packages: list[str]) -> list[str]:
    """Each once, under its real directory: /bin is a link."""
    listed = subprocess.run(["dpkg", "--listfiles", *packages], capture_output=True, text=True)
    paths = set(_MADE)
    for below in _MADE_BELOW:
        paths |= {below, *(str(path) for path in Path(below).rglob("*"))}
    for line in listed.stdout.splitlines():
        if line.startswith("/") and line != "/." and not line.startswith(_LEFT_OUT):
            directory, name = os.path.split(line)
            paths.add(os.path.join(os.path.realpath(directory), name))
    return sorted(path for path in paths if os.path.lexists(path))
