from __future__ import annotations

import argparse
import collections
import datetime as dt
import decimal
import enum
import fractions
import functools
import pathlib
import pickle
import types
import uuid
from dataclasses import dataclass, field

import pytest

from ckpt_indexer.readers.interpret.plain import InterpretLimits, interpret
from ckpt_indexer.readers.nodes import Opaque
from ckpt_indexer.readers.pickle.machine import run
from tests.readers.pickle_files import name, read, text

_PROTOCOLS = pytest.mark.parametrize("protocol", range(6))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):  # noqa: UP042  # people write this one too
    YES = "yes"


class Bits(enum.IntFlag):
    A = 1
    B = 2


@dataclass
class Options:
    lr: float = 0.1
    name: str = "adam"
    colour: Colour = Colour.RED
    layers: list[int] = field(default_factory=lambda: [1, 2])


@dataclass(slots=True)
class Slotted:
    lr: float = 0.1


@dataclass(frozen=True, slots=True)
class Frozen:
    lr: float = 0.1


class Slots:
    __slots__ = ("__dict__", "a")

    def __init__(self) -> None:
        self.a = 1
        self.b = 2


class MyDict(dict):  # type: ignore[type-arg]  # as written by people
    pass


class MyList(list):  # type: ignore[type-arg]  # as written by people
    pass


Point = collections.namedtuple("Point", ["x", "y"])  # noqa: PYI024  # its class is made as people make it


def _plain(value: object, protocol: int = 2) -> object:
    pickled, interpreted = read(pickle.dumps(value, protocol))
    assert pickled.stopped
    assert pickled.problems == interpreted.problems == []
    return interpreted.value


@_PROTOCOLS
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (collections.OrderedDict(a=1, b={"c": 2}), {"a": 1, "b": {"c": 2}}),
        (collections.defaultdict(list, {"a": [1]}), {"a": [1]}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.deque([1, 2], maxlen=5), [1, 2]),
        ({1}, [1]),
        (frozenset({"a"}), ["a"]),
        (bytearray(b"ab\xff"), b"ab\xff"),
        (b"ab\xff", b"ab\xff"),
        (b"", b""),
        (range(1, 5), "range(1, 5, 1)"),
        (slice(1, None), "slice(1, None, None)"),
        (1.5 + 2j, "(1.5+2j)"),
        (argparse.Namespace(lr=0.1, tags=["a"]), {"lr": 0.1, "tags": ["a"]}),
        (types.SimpleNamespace(a=None), {"a": None}),
        (types.SimpleNamespace(), {}),
        (pathlib.PurePosixPath("/a/b.ckpt"), "/a/b.ckpt"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (pathlib.PurePosixPath(), "."),
        (pathlib.PureWindowsPath("C:\\x\\y"), "C:\\x\\y"),
        (dt.datetime(2025, 10, 18, 14, 32, 1, 500), "2025-10-18T14:32:01.000500"),  # noqa: DTZ001  # naive ones exist
        (dt.datetime(2025, 10, 18, tzinfo=dt.UTC), "2025-10-18T00:00:00+00:00"),
        (dt.datetime(2025, 10, 18, tzinfo=dt.timezone(dt.timedelta(hours=9))), "2025-10-18T00:00:00+09:00"),
        (dt.date(2025, 2, 28), "2025-02-28"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.timedelta(hours=1, milliseconds=1), 3600.001),
        (decimal.Decimal("0.25"), 0.25),
        (fractions.Fraction(1, 4), 0.25),
        (uuid.UUID(int=255), "00000000-0000-0000-0000-0000000000ff"),
        (functools.partial(pathlib.PurePosixPath, "a"), "pathlib.PurePosixPath"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (Word.YES, "yes"),
        (Bits.A | Bits.B, 3),
        (MyDict(a=1), {"a": 1}),
        (MyList([1, 2]), [1, 2]),
    ],
    ids=repr,
)
def test_a_value_becomes_plain(value: object, expected: object, protocol: int) -> None:
    assert _plain(value, protocol) == expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_dataclass_keeps_its_fields_as_state(protocol: int) -> None:
    found = _plain(Options(), protocol)

    assert isinstance(found, Opaque)
    assert (found.name, found.module) == ("Options", __name__)
    assert found.state == {"lr": 0.1, "name": "adam", "colour": "red", "layers": [1, 2]}


@_PROTOCOLS
def test_an_object_made_by_copyreg_is_like_any_other(protocol: int) -> None:
    assert _plain(Options(), protocol).state["lr"] == 0.1  # type: ignore[attr-defined]  # an Opaque


@pytest.mark.parametrize("value", [Slotted(), Frozen()], ids=["slots", "frozen"])
def test_fields_in_slots_are_found(value: object) -> None:
    assert _plain(value).state in ({"lr": 0.1}, [0.1])  # type: ignore[attr-defined]  # an Opaque


def test_attributes_and_slots_are_put_together() -> None:
    assert _plain(Slots()).state == {"a": 1, "b": 2}  # type: ignore[attr-defined]  # an Opaque


def test_a_named_tuple_keeps_its_values() -> None:
    assert _plain(Point(1, 2)).args == [1, 2]  # type: ignore[attr-defined]  # an Opaque


def test_a_class_itself_is_a_name() -> None:
    found = _plain({"activation": collections.ChainMap})

    assert isinstance(found, dict)
    assert (found["activation"].module, found["activation"].name) == ("collections", "ChainMap")
    assert found["activation"].state is None


@pytest.mark.parametrize(
    "module",
    ["pytorch_lightning.utilities.parsing", "lightning.fabric.utilities.data", "lightning_fabric.utilities.data"],
)
@pytest.mark.parametrize(
    "content", [b"(" + text("lr") + b"K\x01u", b"}(" + text("lr") + b"K\x01ub"], ids=["items", "state"]
)
def test_an_attribute_dict_of_any_package_is_a_dict(module: str, content: bytes) -> None:
    assert read(name(module, "AttributeDict") + b")\x81" + content + b".")[1].value == {"lr": 1}


@pytest.mark.prove
def test_an_attribute_dict_of_the_installed_lightning_is_a_dict() -> None:
    from lightning.fabric.utilities.data import AttributeDict

    assert _plain(AttributeDict(lr=0.1, opt=AttributeDict(name="x"))) == {"lr": 0.1, "opt": {"name": "x"}}
    assert _plain(AttributeDict()) == {}


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_omegaconf_config_is_the_config_within(protocol: int) -> None:
    from omegaconf import OmegaConf

    config = {
        "a": 1,
        "f": 0.5,
        "t": "x",
        "n": None,
        "l": [1, {"b": True}],
        "i": "${a}",
        "e": "${oc.env:HOME}",
        "m": "???",
    }
    config["deep"] = {"x": {"y": {"z": [[1], [2]]}}}

    assert _plain(OmegaConf.create(config), protocol) == config
    assert _plain({"cfg": OmegaConf.create([1, "${x}", None])}, protocol) == {"cfg": [1, "${x}", None]}


def test_a_structured_config_is_the_config_within() -> None:
    from omegaconf import OmegaConf

    found = _plain(OmegaConf.structured(Options))

    assert found == {"lr": 0.1, "name": "adam", "colour": "red", "layers": [1, 2]}


@pytest.mark.parametrize("content", ["${a}", "???", None])
def test_a_config_that_is_itself_missing_is_that_text(content: str | None) -> None:
    from omegaconf import DictConfig

    assert _plain(DictConfig(content)) == content


@_PROTOCOLS
def test_keys_keep_their_kind_where_they_can(protocol: int) -> None:
    value = {
        "a": 1,
        2: 2,
        2.5: 3,
        None: 4,
        True: 5,
        (1, "x"): 6,
        Colour.RED: 7,
        pathlib.PurePosixPath("p"): 8,
        b"by": 9,
    }

    expected = {"a": 1, 2: 2, 2.5: 3, None: 4, True: 5, (1, "x"): 6, "red": 7, "p": 8, "by": 9}

    assert _plain(value, protocol) == expected


def test_other_keys_become_different_texts() -> None:
    value = {frozenset({1}): 1, frozenset({2}): 2, (1, (2, 3)): 3, 2**70: 4}

    found = _plain(value, 4)

    assert isinstance(found, dict)
    assert list(found.values()) == [1, 2, 3, 4]
    assert str(2**70) in found
    assert all(isinstance(key, str) for key in found)


def test_a_key_given_twice_is_reported_and_the_last_counts() -> None:
    _, interpreted = read(b"}(" + text("epoch") + b"K\x01" + text("epoch") + b"K\x02u.")

    assert interpreted.value == {"epoch": 2}
    assert [kind for kind, _ in interpreted.problems] == ["duplicate_key"]


def test_lone_surrogates_are_made_storable() -> None:
    found = _plain({"a\udc80": "b\ud800", "p": pathlib.PurePosixPath("c\udcff")}, 4)

    assert found == {"a\\udc80": "b\\ud800", "p": "c\\udcff"}


@_PROTOCOLS
def test_cycles_are_cut(protocol: int) -> None:
    value: dict[str, object] = {"epoch": 3}
    value["self"] = value
    value["list"] = [value, 1]
    holder = Options()
    holder.name = holder  # type: ignore[assignment]  # on purpose
    value["object"] = holder

    found = _plain(value, protocol)

    assert isinstance(found, dict)
    assert (found["epoch"], found["list"], "self" in found) == (3, [None, 1], False)
    assert "name" not in found["object"].state


def test_what_is_shared_appears_everywhere() -> None:
    part = {"a": 1}

    found = _plain([part, part])

    assert isinstance(found, list)
    assert found[0] == found[1] == {"a": 1}
    assert found[0] is not found[1]


def test_values_beyond_the_limit_are_not_read() -> None:
    interpreted = interpret(run(pickle.dumps(list(range(100)))), limits=InterpretLimits(nodes=50))

    assert interpreted.value == list(range(49))
    assert [kind for kind, _ in interpreted.problems] == ["limit"]


def test_levels_beyond_the_limit_are_not_read() -> None:
    interpreted = interpret(run(pickle.dumps([1, [2, [3, [4]]]])), limits=InterpretLimits(depth=2))

    assert interpreted.value == [1, [2, [3, None]]]


def test_long_texts_are_cut() -> None:
    limits = InterpretLimits(one_text=10)
    interpreted = interpret(run(pickle.dumps(["x" * 20, b"y" * 20, "short"])), limits=limits)

    assert interpreted.value == ["x" * 10, b"y" * 10, "short"]


def test_texts_beyond_the_limit_are_not_read() -> None:
    interpreted = interpret(run(pickle.dumps(["x" * 20, "y" * 20, 1])), limits=InterpretLimits(text_characters=30))

    assert interpreted.value == ["x" * 20, None, 1]


def test_problems_are_few() -> None:
    data = b"}(" + b"".join(text(f"k{index}") + b"K\x01" + text(f"k{index}") + b"K\x02" for index in range(100)) + b"u."

    assert len(read(data)[1].problems) == 20


@pytest.mark.parametrize(
    "data",
    [
        name("collections", "OrderedDict") + b"K\x01R.",
        name("collections", "deque") + b"K\x01\x85R.",
        name("pathlib", "Path") + b"K\x01\x85R.",
        name("datetime", "datetime") + b"C\x0a" + b"\xff" * 10 + b"\x85R.",
        name("datetime", "datetime") + b"C\x03abc\x85R.",
        name("datetime", "datetime") + b"C\x0a\x07\xe9\x0a\x12\x00\x00\x00\x00\x00\x00N\x86R.",
        name("datetime", "date") + b"C\x04\x00\x00\x00\x00\x85R.",
        name("datetime", "time") + b"C\x06\xff\xff\xff\xff\xff\xff\x85R.",
        name("datetime", "timedelta") + b"J\xff\xff\xff\x3bK\x00K\x00\x87R.",
        name("decimal", "Decimal") + text("1e99999") + b"\x85R.",
        name("decimal", "Decimal") + text("9" * 200) + b"\x85R.",
        name("fractions", "Fraction") + text("1/0") + b"\x85R.",
        name("fractions", "Fraction") + b"K\x01K\x00\x86R.",
        name("uuid", "UUID") + b")\x81}b.",
        name("builtins", "complex") + text("1j") + b"\x85R.",
        name("builtins", "range") + text("1") + b"\x85R.",
        name("builtins", "bytes") + b"K\x05\x85R.",
        name("_codecs", "encode") + text("€") + b"\x85R.",
        name("functools", "partial") + b")R.",
        name("torch", "device") + b")R.",
        name("copyreg", "_reconstructor") + b")R.",
        name("omegaconf", "AnyNode") + b")\x81.",
        b"N)R.",
        name("m", "f") + b"NR.",
        name("http", "HTTPStatus") + b"K\xc8\x85R.",
        name("m", "function") + b"K\x01\x85R.",
        b"Pid\n.",
        b"\x97.",
    ],
)
def test_what_no_table_understands_stays_opaque(data: bytes) -> None:
    pickled, interpreted = read(data)

    assert pickled.stopped
    assert isinstance(interpreted.value, (Opaque, dict))


@pytest.mark.parametrize("zone", ["_UTC", "UTC"])
def test_utc_of_pytz_is_utc(zone: str) -> None:
    data = (
        name("datetime", "datetime")
        + b"C\x0a\x07\xe9\x0a\x12\x00\x00\x00\x00\x00\x00"
        + name("pytz", zone)
        + b")R\x86R."
    )

    assert read(data)[1].value == "2025-10-18T00:00:00+00:00"


def test_a_root_that_is_no_mapping_is_given_as_it_is() -> None:
    assert _plain([1, 2]) == [1, 2]
    assert _plain(None) is None


def test_nothing_is_none() -> None:
    assert interpret(run(b"")).value is None


class Version(str):  # as torch writes its own version
    __slots__ = ()


class Ratio(float):
    pass


@_PROTOCOLS
def test_a_kind_of_text_or_number_is_that_text_or_number(protocol: int) -> None:
    assert _plain({"version": Version("2.6.0+cpu"), "ratio": Ratio(0.5)}, protocol) == {
        "version": "2.6.0+cpu",
        "ratio": 0.5,
    }
