"""Messages are English text that can be said in another language."""

from __future__ import annotations

import copy
import json
import pickle

from dfly_analysis.messages import LOCALE, Message, format_list, is_translated, join, message, plural, translate


def test_a_message_is_its_english_text():
    text = message("layer of {size}", size="20 GiB")
    assert text == "layer of 20 GiB"
    assert json.dumps({"reason": text}) == '{"reason": "layer of 20 GiB"}'


def test_a_plural_follows_its_number():
    assert [plural("{n} host", "{n} hosts", n) for n in (1, 0, 1200)] == ["1 host", "0 hosts", "1,200 hosts"]


def test_values_that_are_messages_are_translated():
    text = message("{names} and {last}", names=message("{names} and {last}", names="a", last="b"), last="c")
    assert translate(text, "zh") == "a 和 b 和 c"


def test_a_list_is_cut_at_its_limit():
    assert format_list("abcdef", limit=2) == "a, b and 4 more"
    assert translate(format_list("abcdef", limit=2), "zh") == "a、b，另有 4 个"


def test_messages_survive_pickle_and_copy():
    for text in (plural("{n} host", "{n} hosts", 2), join([message("a"), message("b")]), message("a {b}", b="c")):
        for twin in (pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):
            assert twin == text
            assert isinstance(twin, Message)
            assert translate(twin, "zh") == translate(text, "zh")


def test_unknown_text_stays_as_it_is():
    assert translate("registry.example", "zh") == "registry.example"
    assert not is_translated("registry.example", "zh")
    assert is_translated("registry.example", "en")


def test_a_message_is_translated_if_its_values_are():
    assert not is_translated(message("no such text with {parts}", parts=3), "zh")
    assert not is_translated(message("{names} and {last}", names="a", last=message("no such text")), "zh")
    assert is_translated(message("{names} and {last}", names="a", last="b"), "zh")
    assert not is_translated(join([message("no such text")]), "zh")


def test_values_with_braces_are_not_templates():
    assert message("key {key}", key="{x}") == "key {x}"
    assert translate(join(["{x}"]), "zh") == "{x}"


def test_catalogues_parse():
    assert [path.parent.parent.name for path in sorted(LOCALE.glob("*/LC_MESSAGES/messages.po"))] == ["zh"]
