"""The environment of a task. Source: Marathon, docs/task-environment-vars.md."""

from marathon_app.core.environment import environment
from tests.marathon_app.core.world import World, make_app


def test_a_task_is_told_who_it_is_and_where_it_listens() -> None:
    app = make_app(
        "/shop/web",
        cpus=0.1,
        labels={"team-name": "blue", "x": "y" * 512},
        env={"COLOUR": "red"},
        portDefinitions=[{"port": 0, "name": "http-api"}, {"port": 10_001}],
    )

    found = environment(
        app, task_id="t1", host="h1", ports=[31000, 31005], declared_ports=[0, 10_001]
    )

    assert found == {
        "MESOS_TASK_ID": "t1",
        "MARATHON_APP_ID": "/shop/web",
        "MARATHON_APP_VERSION": "",
        "MARATHON_APP_RESOURCE_CPUS": "0.1",
        "MARATHON_APP_RESOURCE_MEM": "128.0",
        "MARATHON_APP_RESOURCE_DISK": "0.0",
        "MARATHON_APP_RESOURCE_GPUS": "0",
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        "MARATHON_APP_LABELS": "TEAM_NAME",
        "MARATHON_APP_LABEL_TEAM_NAME": "blue",
        "HOST": "h1",
        "PORT0": "31000",
        "PORT1": "31005",
        "PORT": "31000",
        "PORTS": "31000,31005",
        "PORT_10001": "31005",
        "PORT_HTTP_API": "31000",
        "COLOUR": "red",
    }


def test_the_users_own_variables_win() -> None:
    app = make_app("/web", env={"HOST": "mine", "PORT0": "1"})

    found = environment(app, task_id="t", host="h", ports=[31000], declared_ports=[0])

    assert (found["HOST"], found["PORT0"]) == ("mine", "1")


def test_a_prefix_is_put_before_host_and_ports_only() -> None:
    app = make_app("/web")

    found = environment(app, task_id="t", host="h", ports=[31000], declared_ports=[0], prefix="X_")

    assert found["X_PORT0"] == "31000"
    assert "HOST" not in found
    assert "MESOS_TASK_ID" in found


def test_a_running_task_got_its_version_and_its_ports() -> None:
    world = World()

    world.put("/web", cmd="sleep 1")

    [instance] = world.running("/web")
    command = world.task(instance.task_id).command
    assert command is not None
    assert command.environment is not None
    env = {variable.name: variable.value for variable in command.environment.variables}
    assert env["MARATHON_APP_VERSION"] == instance.version
    assert env["PORT0"] == str(instance.ports[0])
    assert env["PORT_10000"] == env["PORT0"]
