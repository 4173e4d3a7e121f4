"""The overview: capacity, what runs, what waits and why, what failed, what comes next."""

from flask import Blueprint, Response

from web.present import agents as present_agents
from web.present import apps as present_apps
from web.present import diff, overview, shares
from web.present import jobs as present_jobs
from web.present.app_form import FIRST_APP
from web.present.deployments import deployment_rows
from web.rendering import page, parts, tried, tried_all
from web.shapes import mesos

blueprint = Blueprint("cluster", __name__)


@blueprint.get("/")
def show() -> Response:
    marathon = parts().marathon
    state = tried(parts().mesos.state, mesos.State())
    apps = tried(marathon.apps, None)
    queue = tried_all(marathon.queue)
    jobs = tried(parts().chronos.jobs, None)
    deployments = tried_all(marathon.deployments)
    agent_rows = present_agents.agent_rows(state)
    app_rows = present_apps.app_rows(apps or [], queue)
    waiting = overview.waiting(queue, lambda app_id: tried_all(lambda: marathon.why(app_id)))
    return page(
        "cluster/show.html",
        live=("apps", "deployments", "agents", "jobs"),
        state=state,
        capacity=present_agents.capacity(state.slaves),
        agents=agent_rows,
        fullest=present_agents.fullest(agent_rows),
        apps_known=apps is not None,
        jobs_known=jobs is not None,
        apps=app_rows,
        spread=present_apps.spread(app_rows),
        app_counts=present_apps.counts_by_filter(app_rows),
        waiting=waiting,
        deployments=deployment_rows(deployments, apps or []),
        failures=overview.failures(apps or [], jobs or []),
        next_runs=present_jobs.next_runs(jobs or []),
        jobs=jobs or [],
        first_app=diff.pretty(FIRST_APP),
    )


@blueprint.get("/frameworks")
def frameworks() -> Response:
    state = tried(parts().mesos.state, mesos.State())
    roles = tried_all(parts().mesos.roles)
    return page(
        "cluster/frameworks.html",
        live=("agents",),
        frameworks=shares.framework_rows(state),
        roles=shares.role_rows(roles, state),
        state=state,
    )
