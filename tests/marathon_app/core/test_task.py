"""What Mesos is asked to run. Source: Marathon, TaskBuilder; Mesos, mesos.proto (TaskInfo)."""

from kernel.messages import v1
from marathon_app.core.task import hostname_form, task_info
from tests.marathon_app.core.world import make_app


def info(ports: tuple[int, ...] = (31000,), **fields: object) -> v1.TaskInfo:
    app = make_app("/shop/web", **fields)
    return task_info(app, task_id="t", agent_id="a", host="h", ports=ports, resources=[])


def test_a_command_is_a_line_for_the_shell() -> None:
    command = info(cmd="sleep $N").command

    assert command is not None
    assert (command.shell, command.value, command.arguments) == (True, "sleep $N", [])


def test_arguments_run_without_a_shell() -> None:
    command = info(cmd=None, args=["/bin/sleep", "10"]).command

    assert command is not None
    assert (command.shell, command.value) == (False, "/bin/sleep")
    assert command.arguments == ["/bin/sleep", "10"]


def test_arguments_of_an_image_leave_its_entry_point() -> None:
    made = info(cmd=None, args=["-v"], container={"docker": {"image": "nginx"}})

    assert made.command is not None
    assert (made.command.shell, made.command.value) == (False, None)
    assert made.container is not None
    assert made.container["docker"]["image"] == "nginx"
    assert made.container["docker"]["network"] == "HOST"


def test_bridged_ports_are_mapped() -> None:
    made = info(
        container={"docker": {"image": "nginx"}, "portMappings": [{"containerPort": 80}]},
        networks=[{"mode": "container/bridge"}],
    )

    assert made.container is not None
    assert made.container["docker"]["port_mappings"] == [
        {"host_port": 31000, "container_port": 80, "protocol": "tcp"}
    ]


def test_the_kill_grace_period_is_passed_on() -> None:
    made = info(taskKillGracePeriodSeconds=7)

    assert made.kill_policy == v1.KillPolicy(grace_period=v1.DurationInfo(7_000_000_000))
    assert info().kill_policy is None


def test_an_agents_check_knocks_at_the_tasks_port() -> None:
    made = info(healthChecks=[{"protocol": "MESOS_TCP", "maxConsecutiveFailures": 5}])

    assert made.health_check is not None
    assert made.health_check.tcp == v1.TcpCheck(port=31000)
    assert made.health_check.consecutive_failures == 5


def test_a_task_is_found_by_name_and_port() -> None:
    made = info(portDefinitions=[{"port": 0, "name": "http", "labels": {"VIP": "x"}}])

    assert made.name == "web.shop"
    assert made.discovery is not None
    assert made.discovery.ports is not None
    [port] = made.discovery.ports.ports
    assert (port.number, port.name, port.protocol) == (31000, "http", "tcp")


def test_the_innermost_name_comes_first() -> None:
    assert hostname_form("/a/b/c") == "c.b.a"
