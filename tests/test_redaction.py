"""Secrets leave the text as it is read; what is no secret stays, and nothing is redacted twice."""

from __future__ import annotations

import json

import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import line, read

from dfly_analysis.redaction import MARK, redact

CANARY = "c4n4ry-9f"
SECRETS = [
    "Authorization: Bearer {}", "authorization: Basic {}", 'Proxy-Authorization=Digest username="{}", response="{}"',
    '{{"Authorization":["Bearer {}"]}}', "map[Authorization:[Bearer {}] Accept:[*/*]]", '\\"Authorization\\":\\"Bearer {}\\"',
    'http.Header{{"Authorization":[]string{{"Bearer {}"}}}}', 'request_header: {{"cookie": "x={}", "accept": "a"}}', "Cookie: a=1; sid={}; b=2",
    "set-cookie: sid={}; Path=/", "X-Auth-Token: {}", "x-registry-auth: {}", "password: {}", 'password: "a b {}"', '"password":"quote \\" {}"',
    '"password":"cut off {}', "passwd={}", "MY_PASSWORD={}", "GITHUB_TOKEN={}", "access_token={}&x=1", "refresh_token={}", '"identitytoken":"{}"',
    '"registrytoken": "{}"', 'token: Some("{}")', "secret_access_key={}", "client_secret={}", "jwt_secret={}", "api_key={}", "apiKey: {}", "private-key: {}",
    "?X-Amz-Signature={}&X-Amz-Expires=600", "&X-Amz-Credential={}%2F20260101", "&X-Amz-Security-Token={}", "?Signature={}&Expires=1", "OSSAccessKeyId={}",
    "x-goog-signature={}", "https://acc.blob.core.windows.net/a?sv=1&sig={}&se=2", "https://user:{}@reg.example/v2/", "https://{}@reg.example/v2/",
    "mysql://root:{}@db:3306/m", '{{"auths":{{"reg":{{"auth":"{}"}}}}}}', "passphrase={}",
]  # fmt: skip
HARMLESS = [
    "key: 0f2b6bb1a3dd9c7bfa5e25db60f8d1ee9bbd5c1d6fc2c4f01f3a9a2b8b4a5b6c", "cache: key is missing", "key: download.pieceTimeout", "- key: node-role.kubernetes.io/control-plane",
    'request_header: {"Authorization": "", "Accept": "x"}', "authentication: none", "author: me", "Authorization: None", "token: null", '""Authorization"": """", ""Accept"": ""x""', 'token="" next=1',
    'Www-Authenticate: Bearer realm="https://auth.example/token",service="registry"', "docker://alpine@sha256:0011", "mail me at a@b.example",
    "the token expired", "invalid credentials", "basic checks passed", "tokio::time", "GET https://reg.example/v2/m/blobs/sha256:00",
]  # fmt: skip


@pytest.mark.parametrize("shape", SECRETS)
def test_a_secret_goes_and_its_name_stays(shape):
    """The value is replaced by the mark, in headers, JSON, Go and Rust values, URLs and environment variables."""
    text = "before " + shape.format(*[CANARY] * 2) + " "
    clean = redact(text)
    assert CANARY not in clean
    assert MARK in clean
    assert clean.startswith("before ")
    assert redact(clean) == clean


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text):
    """Empty values, prose, image digests and addresses are left as they are."""
    assert redact(text) == text


@pytest.mark.parametrize("shape", SECRETS)
def test_quotes_doubled_by_an_export_hide_no_secret(shape):
    """A row of CSV that was not taken apart, as in a copy that is passed on."""
    text = shape.format(*[CANARY] * 2).replace('"', '""')
    clean = redact(f'"2026-05-02 10:00:00","x {text} y"')
    assert CANARY not in clean
    assert redact(clean) == clean


def test_bare_credentials_go_without_a_name():
    """A bearer value and a JSON web token are known by their own shape."""
    assert redact("sent Bearer abcdefgh12345678 to x") == f"sent Bearer {MARK} to x"
    assert redact("got eyJhbGciOi.eyJzdWIiOi.abc_def end") == f"got {MARK} end"


def test_what_stands_beside_a_secret_stays():
    """Only the value goes: the rest of the URL and the other headers can still be read."""
    assert (
        redact("https://b.example/o?X-Amz-Signature=abc&part=7") == f"https://b.example/o?X-Amz-Signature={MARK}&part=7"
    )
    assert redact('{"token":"abc","msg":"m"}') == f'{{"token":"{MARK}","msg":"m"}}'


@pytest.mark.parametrize("value", ['"abc"', "12345", '["abc"]', '"a\\"b"'])
def test_a_json_line_stays_json(value):
    """A record of zap is still read after its secret is gone."""
    clean = redact(f'{{"level":"info","token":{value},"msg":"m"}}')
    assert json.loads(clean)["msg"] == "m"
    assert "abc" not in clean
    assert "12345" not in clean


@pytest.mark.parametrize("name", ["msg", "token", "apiKey"])
def test_long_texts_in_json_are_read_and_named(name):
    """A text of thousands of characters stays unless its name or its content is secret."""
    harmless = json.loads(redact(json.dumps({name: "a word and " * 200, "user": "me", "password": "abc"})))
    assert harmless == {name: "a word and " * 200 if name == "msg" else MARK, "user": "me", "password": MARK}
    assert CANARY not in redact(json.dumps({name: "a word and " * 200 + json.dumps({"password": CANARY})}))


WORDS = st.sampled_from([
    "Authorization", "token", "password", "cookie", ": ", "=", '"', '\\"', "\\", "[", "]", "{", "}", "(", "Some(", "Bearer ", "Basic ", "Digest ",
    "eyJabcdef.eyJabcdef.", "https://", "@", "/", "&", "?", "sig", "signature", MARK, "\n", " ", ",", "abc", "abcdefgh1", "[]string", "None", "'",
])  # fmt: skip


@given(st.lists(WORDS, max_size=14).map("".join) | st.text(max_size=80))
@settings(max_examples=examples(400))
def test_redaction_is_done_once_and_for_all(text):
    """Redacting what was redacted changes nothing."""
    assert redact(redact(text)) == redact(text)


@given(
    st.sampled_from(SECRETS),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r\"'\\[]{}()"), max_size=30),
    st.text("abcXYZ019-_.", min_size=4, max_size=20),
)
def test_no_drawn_secret_survives_behind_any_words(shape, words, drawn):
    """Whatever stands before it, a planted secret goes."""
    secret = f"q{drawn}q"
    assert secret not in redact(f"{words} {shape.format(*[secret] * 2)} ").removeprefix(words)


@pytest.mark.parametrize("shape", SECRETS)
def test_a_secret_in_a_log_line_reaches_no_column(shape):
    """Message, URL and the kept text of an event are clean, in the client's log and in the scheduler's."""
    text = shape.format(*[CANARY] * 2)
    part = read("\n".join([line(1, f"download failed: {text}", level="ERROR"), f"more {text}", line(2, "x", ids="")]))
    assert len(part.events) == 2
    assert CANARY not in part.events.to_csv()
    zapped = json.dumps(
        {
            "level": "error",
            "ts": "2026-05-02 10:00:00.000",
            "caller": "job/job.go:1",
            "msg": text,
            "error": text,
            "url": text,
        }
    )
    assert CANARY not in read(zapped).events.to_csv()


@pytest.mark.parametrize(
    "text",
    ["auth:\n  jwt:\n    key: {}\n    timeout: 48h", '    key: "{}"', '{{"jwt":{{"key":"{}"}}}}', "key: {}== # signs"],
)
def test_the_key_that_signs_tokens_goes(text):
    """The Manager's configuration calls it key, as many harmless things are called."""
    secret = "ZWFzdHNpZGVnYWxheHk2NjY2"
    assert secret not in redact(text.format(secret))
    assert "key" in redact(text.format(secret))
