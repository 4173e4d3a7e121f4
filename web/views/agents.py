"""Agents: how full each is, its attributes, and what runs where."""

from flask import Blueprint, Response, abort, request

from web.present import agents as present
from web.present import paging
from web.rendering import page, parts, tried, tried_all
from web.shapes import mesos

blueprint = Blueprint("agents", __name__)


@blueprint.get("/agents")
def index() -> Response:
    master = parts().mesos
    state = tried(master.state, None)
    schedule = tried(master.schedule, mesos.Schedule())
    search = request.args.get("q", "").lower()
    rows = [
        row
        for row in present.agent_rows(state or mesos.State(), schedule)
        if search in f"{row.hostname} {row.id} {row.attributes}".lower()
    ]
    return page(
        "agents/index.html",
        live=("agents",),
        known=state is not None,
        unreachable=round(state.unreachable_slaves) if state else 0,
        down=[present.machine_name(each) for each in tried_all(master.down_machines)],
        capacity=present.capacity(state.slaves if state else []),
        page=paging.page_of(rows, request.args.get("page", 1, type=int)),
        search=search,
        master=master.part.url,
    )


@blueprint.get("/agent/<agent_id>")
def show(agent_id: str) -> Response:
    master = parts().mesos
    state = master.state()
    slave = next((each for each in state.slaves if each.id == agent_id), None)
    if slave is None:
        abort(404, f"The master knows no agent “{agent_id}”.")
    tasks = present.tasks_on(state, agent_id)
    return page(
        "agents/show.html",
        live=("agents",),
        agent=present.agent_row(slave, len(tasks), tried(master.schedule, mesos.Schedule())),
        not_enforced=tried(lambda: master.not_enforced(slave), ""),
        page=paging.page_of(tasks, request.args.get("page", 1, type=int)),
        ended=present.recent_endings(state, agent_id),
        ports=slave.resources.ports,
        used_ports=slave.used_resources.ports,
    )
