"""Where a URL leads, in any spelling, without looking anything up."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcli import origins

LOOPBACK = """
localhost LOCALHOST localhost. 127.0.0.1 127.8.9.10 127.1 0x7f.1 0x7F000001 0177.0.0.1 2130706433
::1 [::1] 0:0:0:0:0:0:0:1 ::ffff:127.0.0.1 １２７.0.0.1 127。0。0。1
"""
NOT_LOOPBACK = """
localhost.evil localhost.evil.com 127.0.0.1.evil.com 10.0.0.1 0.0.0.0 0 128.0.0.1 0x80.1 127_0.1
2147483648 4294967296 127.0.0.256 127.0.0.0.1 1.2.3.4.5 0x7g.1 08.1 ::2 fe80::1 evil 127.-1 1e9
::ffff:10.0.0.1
"""


@pytest.mark.parametrize("host", LOOPBACK.split())
def test_row_s14_loopback_however_it_is_spelt(host):
    """Each of these is this machine."""
    assert origins.is_loopback(host)


@pytest.mark.parametrize("host", ["", *NOT_LOOPBACK.split()])
def test_row_s14_not_loopback_however_it_looks(host):
    """None of these is surely this machine."""
    assert not origins.is_loopback(host)


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=5), st.sampled_from("dxo"))
def test_odd_ipv4_spellings_are_read_as_the_system_reads_them(numbers, base):
    """One to five numbers in three bases: the C library agrees, or both refuse."""
    form = {"d": "{}", "x": "0x{:x}", "o": "0{:o}"}[base]
    host = ".".join(form.format(number) for number in numbers)
    try:
        expected = IPv4Address(socket.inet_aton(host))
    except OSError:
        expected = None
    assert origins.ip_of(host) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.groq.com/openai/v1", "https://api.groq.com:443"),
        ("https://API.Groq.com.:443", "https://api.groq.com:443"),
        ("http://0x7f.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://[0:0::1]/", "http://[::1]:80"),
        ("HTTP://h:8080", "http://h:8080"),
        ("https://user:pw@evil.com/", "https://evil.com:443"),
        ("https://h:99999", ""),
        ("https://[::1", ""),
        ("file:///etc/passwd", ""),
        ("", ""),
    ],
)
def test_origin_has_one_spelling(url, expected):
    """Scheme, host and port, whatever the URL looks like."""
    assert origins.origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "file:///etc/passwd",
        "unix:/run/x.sock",
        "//h/v1",
        "h/v1",
        "https://user@h/",
        "https://user:pw@h/",
        "http://127.0.0.1\\@evil.com/",
        "https://",
        "https://h:99999/",
        "https://h/ v1",
        "https://h\n.evil/",
        "http://169.254.169.254/latest",
        "http://0xA9FEA9FE/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
    ],
)
def test_row_s17_no_key_goes_there(url):
    """Each has a problem, told in words that do not repeat a password."""
    words = origins.problem(url)
    assert words
    assert "pw" not in words


@pytest.mark.parametrize(
    "url", ["https://api.groq.com/v1", "http://127.0.0.1:8080/v1", "http://10.0.0.1/", "https://h"]
)
def test_usual_urls_have_no_problem(url):
    """Public, local and private addresses pass; clear text is another question."""
    assert not origins.problem(url)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://10.0.0.1/", True),
        ("http://localhost.evil/", True),
        ("http://h/", True),
        ("https://h/", False),
        ("http://localhost:1/", False),
        ("http://2130706433/", False),
        ("http://[::1]/", False),
    ],
)
def test_row_s14_clear_text_is_http_to_another_machine(url, clear):
    """Only http to a host that is not surely this machine."""
    assert origins.is_clear(url) is clear
