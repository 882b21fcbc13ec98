"""A document read piece by piece says exactly what it says when it is read whole."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.readers import documents
from patients.readers.documents import Entry
from patients.readers.envelope import Unreadable
from tests.readers.messages import bundle, json_bytes, observation, patient

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("\x00\ud800")
JSON = st.recursive(
    LEAVES, lambda held: st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=3), held, max_size=3)
)
RESOURCES = st.fixed_dictionaries(
    {}, optional={"resourceType": st.sampled_from(["Observation", "Bundle", "List", 7]), "id": JSON, "entry": JSON, "x": JSON}
)  # fmt: skip
ELEMENTS = st.one_of(JSON, st.fixed_dictionaries({"resource": RESOURCES}, optional={"fullUrl": JSON}))


def whole(data: bytes) -> list[Entry] | str:
    try:
        return list(documents.entries(documents.document(data)))
    except Unreadable as error:
        return error.reason


def piecemeal(data: bytes) -> list[Entry] | str:
    try:
        return list(documents.streamed(data))
    except Unreadable as error:
        return error.reason


@given(
    st.lists(ELEMENTS, max_size=4),
    st.sampled_from(["Bundle", "List", None, 7]),
    st.booleans(),
    st.sampled_from([None, 0, 2]),
)
def test_the_same_entries(elements: list[Any], kind: Any, first: bool, indent: int | None) -> None:
    document = (
        {"resourceType": kind, "entry": elements} if first else {"entry": elements, "resourceType": kind}
    )
    data = json.dumps(document, indent=indent).encode()
    if kind == "List":
        assert [e.where for e in piecemeal(data)][-1:] == [{"entry": 0, "resource": "List", "id": None}]
        return
    assert piecemeal(data) == whole(data)


@given(JSON | RESOURCES)
def test_the_same_of_any_document(document: Any) -> None:
    data = json_bytes(document)
    if (
        isinstance(document, dict)
        and isinstance(document.get("entry"), list)
        and document.get("resourceType") != "Bundle"
    ):
        return
    assert piecemeal(data) == whole(data)


def test_the_same_faults() -> None:
    good = json.dumps(bundle(patient(), observation(note=[{"text": "\x00"}])), indent=1).encode()
    chance = random.Random(3)
    for end in range(len(good)):
        assert piecemeal(good[:end]) == whole(good[:end])
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.choice(
                [b"", b",", b"}", b"]", b"[", b"{", b'"', b":", b" ", b"\xc3"]
            )
        assert isinstance(piecemeal(bytes(data)), str) == isinstance(whole(bytes(data)), str), bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"resourceType":"Bundle","entry":[],"entry":[]}', b'{"resourceType":"Bundle","entry":[],}', b'{"resourceType":"Bundle" "entry":[]}',
        b'{"resourceType":"Bundle","entry":[1,]}', b'{"resourceType":"Bundle","entry":[]} x', b'{"resourceType":"Bundle","entry":[}',
        b'{"resourceType":"Bundle",7:[]}', b"{,}", b"\xef\xbb\xbf", b'{"resourceType":"Bundle","entry":[NaN]}',
    ],
)  # fmt: skip
def test_documents_that_are_none(data: bytes) -> None:
    assert piecemeal(data) == whole(data) == "unreadable"


def test_the_kind_may_come_last() -> None:
    data = b' {"entry": [ {"resource": {"resourceType": "Patient"}} , {} ] , "resourceType" : "Bundle" } \n'
    assert [e.resource for e in documents.streamed(b"\xef\xbb\xbf" + data)] == [{"resourceType": "Patient"}]
