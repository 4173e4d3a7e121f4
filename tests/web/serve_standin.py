"""`python -m tests.web.serve_standin [apps] [port]`: the dashboard over a stand-in, to look at."""

import sys
import tempfile
from pathlib import Path

from kernel.runtime.http import Application
from kernel.runtime.serve import serve
from tests.web.conftest import config_for
from tests.web.standin import StandIn, World
from web import create_app
from web.live import Live


def main() -> None:
    apps = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    agents = 3 if apps < 100 else 40
    stand_in = StandIn(World(apps, agents=agents))
    config = config_for(stand_in, Path(tempfile.mkdtemp(prefix="tepui-web-")))

    def build() -> Application:
        pages = create_app(config)
        live = Live(config, pages.extensions["parts"].forget)
        return Application(routes=live.routes(), pages=pages, stop=live.stop)

    serve(build, ip="127.0.0.1", port=port, name="web")


if __name__ == "__main__":
    main()
