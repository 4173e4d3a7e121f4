"""`python -m web`: serves the dashboard and its event stream on one port."""

import sys

from kernel.runtime.config import parse
from kernel.runtime.http import Application
from kernel.runtime.serve import serve
from web import create_app
from web.config import Config
from web.live import Live


def main(argv: list[str]) -> None:
    config = parse(Config, "web", argv)

    def build() -> Application:
        pages = create_app(config)
        live = Live(config, pages.extensions["parts"].forget)
        return Application(routes=live.routes(), pages=pages, stop=live.stop)

    serve(build, ip=config.ip, port=config.port, name="web", host_names=config.allowed_hosts)


if __name__ == "__main__":
    main(sys.argv[1:])
