# Tepui's images, one target each: `tepui` (every process but the load balancer), `lb`, and the
# stores from Debian's packages, `zookeeper` and `redis`. docker-compose.yml builds what it needs.
#
# BASE is any Debian with Python 3.11 or newer and its venv module. What it has already is not
# installed, so that images can also be made where no registry is: from a base of your own that has
# the packages, and wheels where PIP_FIND_LINKS says.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
RUN python3 -m venv /opt/tepui
COPY setup.cfg pyproject.toml README.md LICENSE ./
# First what it depends on alone: that layer stays when only our own code has changed.
RUN /opt/tepui/bin/pip install --no-cache-dir .
COPY . .
RUN /opt/tepui/bin/pip install --no-cache-dir --no-deps --force-reinstall . \
    && /opt/tepui/bin/pip uninstall --yes setuptools pip

FROM ${BASE} AS plain
# The same user everywhere, so that the parts can share a volume, and tasks an owner.
RUN groupadd --gid 10001 tepui \
    && useradd --uid 10001 --gid 10001 --home-dir /state --no-create-home tepui \
    && install -d -o tepui -g tepui /state /deliveries
COPY containers /opt/containers
WORKDIR /state
USER tepui

FROM plain AS tepui
COPY --from=build /opt/tepui /opt/tepui
ENV PATH=/opt/tepui/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
ENTRYPOINT ["tepui"]

FROM tepui AS lb
USER root
RUN command -v haproxy || { apt-get update \
    && apt-get install --yes --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/*; }
USER tepui

FROM plain AS zookeeper
USER root
RUN test -e /usr/share/java/zookeeper.jar || { apt-get update \
    && apt-get install --yes --no-install-recommends zookeeper default-jre-headless \
    && rm -rf /var/lib/apt/lists/*; }
USER tepui
ENTRYPOINT ["/opt/containers/zookeeper.sh"]

FROM plain AS redis
USER root
RUN command -v redis-server || { apt-get update \
    && apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*; }
USER tepui
ENTRYPOINT ["redis-server"]
