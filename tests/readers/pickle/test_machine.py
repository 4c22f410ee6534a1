from __future__ import annotations

import pickle
import pickletools
import struct

import pytest

from ckpt_indexer.readers.pickle import machine as pickle_machine
from ckpt_indexer.readers.pickle.limits import Limits
from ckpt_indexer.readers.pickle.machine import MISSING, run
from ckpt_indexer.readers.pickle.nodes import CallNode, DictNode, GlobalNode, PersistentNode, SetNode, SkippedNode
from tests.readers.pickle_files import lightning_checkpoint, name, read, text, torch_pickle


def test_every_opcode_of_every_protocol_is_known() -> None:
    known = {opcode.code for opcode in pickletools.opcodes}

    unknown = {code for code in known if pickle_machine.IN_STEPS[ord(code)] is pickle_machine._unknown}

    assert unknown == set()
    assert sum(entry is not pickle_machine._unknown for entry in pickle_machine.IN_STEPS) == len(known)


def test_the_length_of_every_argument_is_known() -> None:
    fixed = {
        opcode.code: abs(opcode.arg.n) if opcode.arg.n > 0 else {-2: 1, -3: 4, -4: 4, -5: 8}[opcode.arg.n]
        for opcode in pickletools.opcodes
        if opcode.arg is not None and opcode.arg.n != pickletools.UP_TO_NEWLINE
    }

    assert fixed == pickle_machine._ARGUMENT_BYTES


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        255,
        65535,
        2**31,
        -(2**70),
        1.5,
        -0.0,
        float("inf"),
        "",
        "text",
        "dé\U0001f600\n\\",
        "x" * 300,
        [],
        [1, [2]],
        (),
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 3, 4),
    ],
    ids=repr,
)
def test_a_value_is_what_pickle_wrote(value: object, protocol: int) -> None:
    pickled = run(pickle.dumps(value, protocol))

    assert (pickled.root, type(pickled.root)) == (value, type(value))
    assert pickled.stopped
    assert pickled.problems == []


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_bytes_are_what_pickle_wrote(size: int, protocol: int) -> None:
    assert run(pickle.dumps(b"\x80" * size, protocol)).root == b"\x80" * size


def test_a_bytearray_is_bytes() -> None:
    assert run(pickle.dumps(bytearray(b"abc"), 5)).root == b"abc"


@pytest.mark.parametrize("protocol", range(6))
def test_a_dict_is_its_keys_and_values_in_order(protocol: int) -> None:
    root = run(pickle.dumps({"a": 1, 2: {"b": None}}, protocol)).root

    assert type(root) is DictNode
    assert root[:3] == ["a", 1, 2]
    assert root[3] == ["b", None]


def test_sets_are_their_elements() -> None:
    root = run(pickle.dumps([{1}, frozenset({2})], 4)).root

    assert [type(part) for part in root] == [SetNode, SetNode]
    assert root == [[1], [2]]


@pytest.mark.parametrize("protocol", range(6))
def test_a_list_that_holds_itself_does(protocol: int) -> None:
    value: list[object] = [1]
    value.append(value)

    root = run(pickle.dumps(value, protocol)).root

    assert root[1] is root


def test_shared_parts_are_shared() -> None:
    part = [1]

    root = run(pickle.dumps([part, part], 2)).root

    assert root[0] is root[1]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (rb"'plain'", "plain"),
        (rb"'a\n\t\x41\101\\\'\"'", "a\n\tAA\\'\""),
        (rb'"say \q"', "say \\q"),
        (rb"'\xff'", b"\xff"),
        (rb"''", ""),
    ],
)
def test_strings_of_python_2_are_unescaped(line: bytes, value: object) -> None:
    assert run(b"S" + line + b"\n.").root == value


def test_short_strings_of_python_2_are_text_where_they_read_as_such() -> None:
    assert run(b"U\x02hi.").root == "hi"
    assert run(b"T\x02\x00\x00\x00\xff\xfe.").root == b"\xff\xfe"


def test_names_are_nodes_and_are_listed_once() -> None:
    pickled = run(b"(" + name("os", "system") + name("os", "system") + text("posix") + text("a.b") + b"\x93" + b"l.")

    assert [(node.module, node.name) for node in pickled.root] == [("os", "system"), ("os", "system"), ("posix", "a.b")]
    assert pickled.globals_seen == ("os.system", "posix.a.b")


@pytest.mark.parametrize(
    ("data", "new"),
    [
        (name("m", "f") + b"K\x01\x85R.", False),
        (name("m", "f") + b"K\x01\x85\x81.", True),
        (name("m", "f") + b"K\x01\x85}\x92.", True),
        (b"(K\x01im\nf\n.", True),
        (b"(" + name("m", "f") + b"K\x01o.", True),
    ],
    ids=["REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ"],
)
def test_a_call_is_a_node_with_its_arguments(data: bytes, new: bool) -> None:
    root = run(data).root

    assert type(root) is CallNode
    assert (root.func.path, root.args, root.new) == ("m.f", (1,), new)


def test_an_object_keeps_its_state_items_and_elements() -> None:
    data = name("m", "C") + b")\x81" + b"}b" + text("k") + b"K\x01s" + b"K\x02a" + b"(K\x03e."

    root = run(data).root

    assert root.state == []
    assert root.items == ["k", 1]
    assert root.elements == [2, 3]


@pytest.mark.parametrize(("data", "code"), [(b"\x82\x05.", 5), (b"\x83\x05\x01.", 261), (b"\x84\xff\xff\xff\xff.", -1)])
def test_codes_of_the_extension_registry_are_not_looked_up(data: bytes, code: int) -> None:
    assert run(data).root.name == f"extension {code}"


def test_persistent_ids_are_nodes() -> None:
    assert run(b"Pmodule-7\n.").root.pid == "module-7"
    assert type(run(b"K\x01Q.").root) is PersistentNode


def test_a_buffer_that_lies_elsewhere_is_skipped() -> None:
    pickled = run(b"\x97\x98.")

    assert type(pickled.root) is SkippedNode
    assert pickled.problems == []


def test_several_pickles_in_one_buffer_are_read_one_after_the_other() -> None:
    data = b"junk" + pickle.dumps({"a": 1}, 2) + pickle.dumps("second", 4) + b"tail"

    first = run(data, start=4)
    second = run(memoryview(data), start=first.end)

    assert first.root == ["a", 1]
    assert second.root == "second"
    assert data[second.end :] == b"tail"


def test_frames_that_lie_change_nothing() -> None:
    data = b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"K\x01\x95" + struct.pack("<Q", 1) + b"K\x02\x86."

    assert run(data).root == (1, 2)


def test_opcodes_are_counted() -> None:
    assert run(b"K\x01K\x02\x86.").opcodes == 4
    assert run(b"K\x01K").opcodes == 2


def test_an_unknown_protocol_is_noted_and_read() -> None:
    pickled = run(b"\x80\x09K\x01.")

    assert pickled.root == 1
    assert pickled.problems == [("malformed", "pickle protocol 9 is not known")]


@pytest.mark.parametrize(
    "data",
    [
        b".",
        b"0",
        b"2.",
        b"1",
        b"a",
        b"s",
        b"u",
        b"t",
        b"\x85",
        b"R",
        b"b",
        b"K\x01(\x85",
        b"h\x05.",
        b"(q\x00",
        b"o",
        b"(o",
        b"\x98",
        b"\xff",
        b"Inine\n",
        b"Lnine\n",
        b"Fnine\n",
        b"gnine\n",
        b"Snine\n",
        b"]p-1\n",
        b"T\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\xff",
    ],
)
def test_what_no_pickler_writes_is_malformed(data: bytes) -> None:
    pickled = run(data)

    assert not pickled.stopped
    assert [kind for kind, _ in pickled.problems] == ["malformed"]


@pytest.mark.parametrize("data", [b"NK\x01K\x02s.", b"K\x01}b.", b"K\x01K\x02a.", b"((u.", b"K\x01(K\x02K\x02u."])
def test_filling_what_cannot_be_filled_is_noted_and_the_rest_read(data: bytes) -> None:
    pickled = run(b"}" + text("epoch") + b"K\x07s" + data)

    assert "malformed" in {kind for kind, _ in pickled.problems}


def test_a_key_without_value_is_left_out() -> None:
    assert run(b"}(K\x01K\x02K\x03u.").root == [1, 2]
    assert run(b"(K\x01K\x02K\x03d.").root == [1, 2]


def test_pop_on_a_mark_takes_the_mark() -> None:
    assert run(b"K\x05(0.").root == 5
    assert run(b"K\x05(K\x06K\x071.").root == 5


def test_the_memo_may_leave_gaps() -> None:
    data = b"K\x07r\xff\xff\xff\x7f0K\x08p12345678901234567\n0j\xff\xff\xff\x7fg12345678901234567\n\x86."

    assert run(data).root == (7, 8)


def test_a_gap_that_is_filled_later_counts_as_one_entry() -> None:
    pickled = run(b"K\x01q\x010K\x02q\x000K\x03q\x010K\x04\x940(h\x00h\x01h\x02t.")

    assert pickled.root == (2, 3, 4)


def test_text_that_is_not_utf8_is_kept_readable() -> None:
    pickled = run(b"X\x02\x00\x00\x00a\xff.")

    assert pickled.root == "a\\xff"
    assert pickled.problems == [("malformed", "a text that is not UTF-8")]


def test_a_name_that_is_no_text_has_no_name() -> None:
    root = run(b"K\x01K\x02\x93.").root

    assert type(root) is GlobalNode
    assert root.module == root.name == ""


def test_nothing_is_missing_from_nothing() -> None:
    pickled = run(b"")

    assert pickled.root is MISSING
    assert pickled.problems == [("truncated", "the pickle ends before its end mark")]


def test_a_real_header_costs_no_problem() -> None:
    pickled, interpreted = read(torch_pickle(lightning_checkpoint()))

    assert pickled.stopped
    assert pickled.problems == interpreted.problems == []
    assert interpreted.value["hyper_parameters"]["encoder"] == {"model_name": "resnet18"}


def test_the_clock_is_looked_at() -> None:
    ticks = iter(range(1000))

    pickled = run(b"N" + b"20" * 100_000 + b".", limits=Limits(wall_s=5), clock=lambda: next(ticks))

    assert pickled.problems == [("limit", "reading took longer than 5 s")]
