"""Rewrites Marathon's deprecated inputs (`ports`, `uris`, `ipAddress`, docker networks) to today's.

Works on plain JSON, before it is read, so that what is wrong in an old field is named by its own
path. Old forms are accepted for ever and never written.
Source: Marathon, docs/docs/upgrade/network-api-migration.md.
"""

from marathon_app.schema.problem import Problem

JsonObject = dict[str, object]

# Mesos's fetcher unpacks what ends so; `uris` had no flag for it. Source: FetchUri.isExtract.
ARCHIVES = (".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip", ".tar", ".gz")
DOCKER_NETWORKS = {"HOST": "host", "BRIDGE": "container/bridge", "USER": "container"}
LEGACY_FIELDS = ("ports", "uris", "ipAddress", "storeUrls")


def modern(app: JsonObject) -> tuple[JsonObject, list[Problem]]:
    """The app without deprecated fields, and what was wrong with those it had."""
    problems: list[Problem] = []
    converted = {key: value for key, value in app.items() if key not in LEGACY_FIELDS}
    if "ports" in app:
        _convert_ports(app, converted, problems)
    if "uris" in app:
        _convert_uris(app, converted, problems)
    _convert_docker(converted, problems)
    if "ipAddress" in app:
        _convert_ip_address(app, converted, problems)
    return converted, problems


def _convert_ports(app: JsonObject, converted: JsonObject, problems: list[Problem]) -> None:
    ports = app["ports"]
    if "portDefinitions" in app:
        problems.append(Problem("/ports", "cannot be given together with 'portDefinitions'"))
    elif not isinstance(ports, list):
        problems.append(Problem("/ports", "error.expected.jsarray"))
    elif wrong := [index for index, port in enumerate(ports) if not _is_int(port)]:
        problems.extend(Problem(f"/ports({index})", "error.expected.jsnumber") for index in wrong)
    elif _offers_host_ports(app):
        definitions = [{"port": port} for port in ports]
        if definitions:
            definitions[0]["name"] = "default"
        converted["portDefinitions"] = definitions


def _offers_host_ports(app: JsonObject) -> bool:
    """Whether old `ports` mean something: with a container network the mappings say it all."""
    if "ipAddress" in app:
        return False
    networks = app.get("networks")
    first = networks[0] if isinstance(networks, list) and networks else {"mode": "host"}
    if not isinstance(first, dict) or first.get("mode") != "host":
        return False
    container = app.get("container")
    docker = container.get("docker") if isinstance(container, dict) else None
    network = docker.get("network") if isinstance(docker, dict) else None
    return network in (None, "HOST")


def _convert_uris(app: JsonObject, converted: JsonObject, problems: list[Problem]) -> None:
    uris = app["uris"]
    if not isinstance(uris, list):
        problems.append(Problem("/uris", "error.expected.jsarray"))
        return
    wrong = [index for index, uri in enumerate(uris) if not isinstance(uri, str)]
    problems.extend(Problem(f"/uris({index})", "error.expected.jsstring") for index in wrong)
    if app.get("fetch") and uris:
        problems.append(Problem("/uris", "cannot be given together with 'fetch'"))
    elif not wrong and "fetch" not in app:
        converted["fetch"] = [{"uri": uri, "extract": uri.endswith(ARCHIVES)} for uri in uris]


def _convert_docker(converted: JsonObject, problems: list[Problem]) -> None:
    container = converted.get("container")
    docker = container.get("docker") if isinstance(container, dict) else None
    if not isinstance(container, dict) or not isinstance(docker, dict):
        return
    docker, container = dict(docker), dict(container)
    network = docker.pop("network", None)
    mappings = docker.pop("portMappings", None)
    container["docker"] = docker
    converted["container"] = container
    if mappings is not None:
        if network == "HOST":
            mappings = None  # Marathon always ignored them there
        elif "portMappings" in container:
            text = "cannot be given together with 'container.portMappings'"
            problems.append(Problem("/container/docker/portMappings", text))
        else:
            container["portMappings"] = mappings
    if network is None or "networks" in converted:
        return
    if network not in DOCKER_NETWORKS:
        text = f"error.unknown.enum.literal: must be one of {', '.join(DOCKER_NETWORKS)}"
        problems.append(Problem("/container/docker/network", text))
        return
    converted["networks"] = [{"mode": DOCKER_NETWORKS[str(network)]}]


def _convert_ip_address(app: JsonObject, converted: JsonObject, problems: list[Problem]) -> None:
    address = app["ipAddress"]
    if not isinstance(address, dict):
        problems.append(Problem("/ipAddress", "error.expected.jsobject"))
        return
    network: JsonObject = {"mode": "container"}
    if "networkName" in address:
        network["name"] = address["networkName"]
    if address.get("labels"):
        network["labels"] = address["labels"]
    networks = converted.get("networks")
    if networks is None or networks == [{"mode": "container"}]:
        converted["networks"] = [network]
    discovery = address.get("discovery")
    ports = discovery.get("ports") if isinstance(discovery, dict) else None
    if isinstance(ports, list) and ports:
        _convert_discovery(ports, converted, problems)


def _convert_discovery(ports: list[object], converted: JsonObject, found: list[Problem]) -> None:
    container = converted.get("container", {"type": "MESOS"})
    if not isinstance(container, dict) or "portMappings" in container:
        return
    mappings = []
    for index, port in enumerate(ports):
        if not isinstance(port, dict):
            found.append(Problem(f"/ipAddress/discovery/ports({index})", "error.expected.jsobject"))
            return
        kept = {key: port[key] for key in ("name", "protocol", "labels") if key in port}
        mappings.append({"containerPort": port.get("number", 0), **kept})
    converted["container"] = {**container, "portMappings": mappings}


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
