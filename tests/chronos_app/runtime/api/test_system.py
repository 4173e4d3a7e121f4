"""The process, the graph, and what has no prefix."""

from tests.chronos_app.runtime.conftest import ChronosProcess

NEVER = "R/2099-01-01T00:00:00Z/P1D"


def test_ping_health_leader_and_metrics(chronos: ChronosProcess) -> None:
    assert chronos.get("/ping").text == "pong"
    assert chronos.get("/health").status_code == 200
    leader = {"leader": f"127.0.0.1:{chronos.port}"}
    for path in ("/leader", "/scheduler/leader", "/v1/scheduler/leader"):
        assert chronos.get(path).json() == leader
    metrics = chronos.get("/metrics").json()
    assert {"version", "gauges", "counters", "histograms", "meters", "timers"} == set(metrics)


def test_the_graph_as_csv_and_dot(chronos: ChronosProcess) -> None:
    assert chronos.get("/scheduler/graph/csv").text == "\n"
    chronos.post("/v1/scheduler/iso8601", {"name": "a", "schedule": NEVER})
    chronos.post("/v1/scheduler/dependency", {"name": "b", "parents": ["a"]})

    csv = chronos.get("/v1/scheduler/graph/csv").text
    dot = chronos.get("/v1/scheduler/graph/dot").text

    assert csv == "node,a,fresh,idle\nnode,b,fresh,idle\nlink,a,b\n"
    assert dot == 'digraph G {\n  1 [ label="a" ];\n  2 [ label="b" ];\n  1 -> 2;\n}\n'
