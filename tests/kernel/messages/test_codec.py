"""RecordIO and JSON bodies, whole and broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.messages.codec import Malformed, RecordDecoder, decode, encode, recordio, sse
from kernel.messages.scheduler import Call, CallType
from kernel.messages.v1 import FrameworkInfo, Id


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 17))
def test_records_survive_any_chunking(records: list[bytes], size: int) -> None:
    """Source: Mesos, docs/recordio.md: chunk borders carry no meaning."""
    stream = b"".join(recordio(record) for record in records)
    decoder = RecordDecoder()

    read: list[bytes] = []
    for start in range(0, len(stream), size):
        read += decoder.feed(stream[start : start + size])

    assert read == records


@pytest.mark.parametrize("stream", [b"abc\nxyz", b"-1\n", b"\n", b"9" * 40, b"99999999999\nx"])
def test_a_stream_that_is_no_recordio_is_refused(stream: bytes) -> None:
    with pytest.raises(Malformed):
        RecordDecoder().feed(stream)


def test_a_body_may_write_numbers_and_booleans_as_text_and_null_for_absent() -> None:
    """Source: Mesos, 3rdparty/stout protobuf.hpp (JSON parsing)."""
    body = b'{"user":"u","name":"n","failover_timeout":"1.5","checkpoint":"true","id":null}'

    info = decode(FrameworkInfo, body)

    assert info == FrameworkInfo(user="u", name="n", failover_timeout=1.5, checkpoint=True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type":5}', b'{"type":"NO"}', b"\xff"])
def test_a_body_that_is_no_call_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(Call, body)


def test_unset_fields_are_left_out_and_explicit_defaults_are_printed() -> None:
    """Source: recordings of a real master (v0-state: failover_timeout and checkpoint)."""
    assert encode(FrameworkInfo(user="u", name="n")) == (
        b'{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}'
    )
    assert encode(Call(type=CallType.REVIVE, framework_id=Id("f"))) == (
        b'{"type":"REVIVE","framework_id":{"value":"f"}}'
    )


def test_an_sse_frame_names_its_event_and_its_id() -> None:
    """Source: WHATWG HTML §9.2."""
    assert sse("ping", b"{}", "7") == b"event: ping\nid: 7\ndata: {}\n\n"
