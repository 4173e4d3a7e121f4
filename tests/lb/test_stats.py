"""What HAProxy 2.6 answers, as it answered here, and what is read of it."""

from lb.stats import (
    Processes,
    ServerState,
    fingerprint_of,
    parse_backend_ids,
    parse_backends,
    parse_info,
    parse_processes,
    parse_servers,
    parse_stat,
    sessions_of,
)

SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
3 a_1 1 x 127.0.0.1 0 0 1 1 1 8 2 0 6 0 0 0 - 9 - 0 0 - - 0
3 a_1 77 y 127.0.0.1 0 1 1 1 1 1 0 0 2 0 0 1 - 8 - 0 0 - - 0
4 b_2 2 z 127.0.0.1 2 8 1 1 0 1 0 2 6 0 0 0 - 8 - 0 0 - - 0
"""
PROCESSES = """#<PID>          <type>          <reloads>       <uptime>        <version>
13073           master          1 [failed: 2]   0d00h00m01s     2.6.12-1+deb12u4
# workers
13124           worker          0               0d00h00m00s     2.6.12-1+deb12u4
# old workers
13077           worker          1               0d00h00m01s     2.6.12-1+deb12u4
# programs
"""


def test_servers_are_read_with_what_they_were_told() -> None:
    assert parse_servers(SERVERS) == {
        "a_1": {"x": ServerState.READY, "y": ServerState.MAINT},
        "b_2": {"z": ServerState.DRAIN},
    }
    assert parse_backend_ids(SERVERS) == {"a_1": 3, "b_2": 4}


def test_processes_are_read_by_section() -> None:
    assert parse_processes(PROCESSES) == Processes(13_073, (13_124,), (13_077,), 2)


def test_the_fingerprint_is_in_the_description() -> None:
    info = parse_info("Name: HAProxy\nPid: 7\ndescription: tepui-8e282cd4\n")

    assert fingerprint_of(info) == "8e282cd4"
    assert fingerprint_of({}) == ""


def test_backends_are_read_by_name() -> None:
    assert parse_backends("# name\na_1\nb_2\n") == ("a_1", "b_2")


def test_sessions_are_those_under_way_and_those_queued() -> None:
    rows = parse_stat("# pxname,svname,qcur,scur,status,\na_1,x,1,2,UP,\na_1,y,,0,MAINT,\n")

    assert sessions_of(rows) == {("a_1", "x"): 3, ("a_1", "y"): 0}
    assert parse_stat("") == parse_stat("nonsense") == []
