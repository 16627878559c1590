"""Drives a Toxiproxy API with its Python client library, and looks at what the toxics do to real connections."""

import socket
import sys
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def echo_server():
    """Accepts for ever; sends back what comes, and ends when the peer has ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(stream):
        with stream:
            try:
                while data := stream.recv(65536):
                    stream.sendall(data)
            except OSError:
                pass

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def connect(proxy):
    host, port = proxy.listen.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def receive(stream, length):
    data = b""
    while len(data) < length:
        piece = stream.recv(65536)
        if not piece:
            break
        data += piece
    return data


def trip(stream, data=b"ping"):
    """Seconds of one round trip; what comes back must be what was sent."""
    start = time.monotonic()
    stream.sendall(data)
    assert receive(stream, len(data)) == data
    return time.monotonic() - start


def raises(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s was not raised" % error.__name__)


def with_toxic(proxy, kind, attributes, look, **more):
    """Adds a toxic, looks, takes it away, and requires that a new connection is well again."""
    proxy.add_toxic(name="t", type=kind, attributes=attributes, **more)
    shown = proxy.get_toxic("t")
    assert shown.type == kind, shown.type
    assert all(shown.attributes[key] == value for key, value in attributes.items()), shown.attributes
    look()
    assert proxy.destroy_toxic("t")
    with connect(proxy) as stream:
        trip(stream)


def latency(proxy):
    with connect(proxy) as stream:
        trip(stream)
        with_toxic(proxy, "latency", {"latency": 150, "jitter": 10}, lambda: check_slow(stream))
        trip(stream)


def check_slow(stream):
    took = trip(stream)
    assert took >= 0.139, took


def bandwidth(proxy):
    def look():
        with connect(proxy) as stream:
            took = trip(stream, b"x" * 100_000)
            assert took >= 0.98 * 0.5, took  # 100 kB through 200 kB/s

    with_toxic(proxy, "bandwidth", {"rate": 200}, look)


def slow_close(proxy):
    def look():
        with connect(proxy) as stream:
            start = time.monotonic()
            stream.shutdown(socket.SHUT_WR)
            assert stream.recv(1) == b""
            assert time.monotonic() - start >= 0.199

    with_toxic(proxy, "slow_close", {"delay": 200}, look)


def timeout(proxy):
    def look():
        with connect(proxy) as stream:
            start = time.monotonic()
            stream.sendall(b"lost")
            assert stream.recv(1) == b""
            assert time.monotonic() - start >= 0.199

    with_toxic(proxy, "timeout", {"timeout": 200}, look, stream="upstream")


def reset_peer(proxy):
    def look():
        with connect(proxy) as stream:
            stream.sendall(b"lost")
            raises(ConnectionResetError, stream.recv, 1)

    with_toxic(proxy, "reset_peer", {"timeout": 50}, look)


def slicer(proxy):
    def look():
        with connect(proxy) as stream:
            took = trip(stream, bytes(range(256)) * 4)
            assert took >= 0.016, took  # at least 1024 / 60 pieces, 1 ms apart

    with_toxic(proxy, "slicer", {"average_size": 50, "size_variation": 10, "delay": 1000}, look)


def limit_data(proxy):
    def look():
        with connect(proxy) as stream:
            stream.sendall(b"0123456789")
            assert receive(stream, 10) == b"0123456"

    with_toxic(proxy, "limit_data", {"bytes": 7}, look)


def down(proxy):
    with connect(proxy) as stream:
        trip(stream)
        with proxy.down():
            assert stream.recv(1) == b""
            raises(ConnectionRefusedError, connect, proxy)
    with connect(proxy) as stream:
        trip(stream)


def errors(server, proxy, upstream):
    raises(ProxyExists, server.create, upstream, proxy.name)
    proxy.add_toxic(type="latency", attributes={"latency": 1})
    raises(ProxyExists, proxy.add_toxic, type="latency")
    raises(InvalidToxic, proxy.add_toxic, type="nothing")
    raises(InvalidToxic, proxy.add_toxic, type="latency", name="x", stream="sideways")
    raises(NotFound, proxy.destroy_toxic, "nothing")
    assert list(proxy.toxics()) == ["latency_downstream"]
    assert server.reset()
    assert proxy.toxics() == {}


def main():
    server = Toxiproxy()
    server.update_api_consumer("127.0.0.1", int(sys.argv[1]))
    assert server.running()
    assert b"version" in server.version()
    upstream = echo_server()
    proxy = server.create(upstream=upstream, name="echo")
    assert proxy.enabled and server.get_proxy("echo").listen == proxy.listen
    for look in (latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data, down):
        look(proxy)
    errors(server, proxy, upstream)
    more = [{"name": name, "upstream": upstream, "listen": "127.0.0.1:0"} for name in ("one", "two")]
    assert len(server.populate(more)) == 2
    assert sorted(server.proxies()) == ["echo", "one", "two"]
    server.destroy_all()
    assert server.proxies() == {}
    print("all went as the library expects")


main()
