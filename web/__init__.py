"""The dashboard: `create_app` puts the Flask pages together; `__main__` serves them with `/live`.

Knows the other parts by HTTP only (`client`, `parts`, `shapes`), decides nothing about them, and
keeps nothing of its own but the key that signs its cookies. `present` is pure; `views` ask, let
`present` arrange, and render.
"""

from flask import Flask

from kernel.runtime.clock import Clock
from web import rendering, security
from web.config import Config
from web.parts import Parts
from web.views import (
    agents,
    app_actions,
    app_form,
    apps,
    cluster,
    deployments,
    job_form,
    jobs,
    logs,
    services,
    site,
)

BODY_BYTES_MAX = 2 * 1024 * 1024
VIEWS = (
    cluster,
    apps,
    app_actions,
    app_form,
    deployments,
    jobs,
    job_form,
    agents,
    services,
    logs,
    site,
)


def create_app(config: Config, clock: Clock | None = None) -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["MAX_FORM_PARTS"] = 5_000
    app.extensions["parts"] = Parts(config)
    app.extensions["clock"] = clock or Clock()
    app.extensions["config"] = config
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    security.protect(app, config)
    rendering.install(app)
    for view in VIEWS:
        app.register_blueprint(view.blueprint)
    return app
