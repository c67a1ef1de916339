"""The Redis that tests use: it keeps nothing, and comes back where it was."""

from __future__ import annotations

import redis

from tests.gateway.redis_server import RedisServer, StartRedis

pytest_plugins = ["tests.gateway.redis_server"]


def test_it_keeps_nothing_on_disk(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_it_comes_back_empty_on_the_same_port(redis_server: RedisServer) -> None:
    url, pid = redis_server.url, redis_server.pid
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
    redis_server.stop()
    redis_server.start()
    assert redis_server.url == url
    assert redis_server.pid != pid
    with redis.Redis.from_url(url) as client:
        assert client.get("key") is None


def test_a_paused_server_answers_once_it_goes_on(redis_server: RedisServer) -> None:
    redis_server.pause()
    try:
        with redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None) as client:
            try:
                client.ping()
            except redis.TimeoutError:
                hung = True
            else:
                hung = False
    finally:
        redis_server.resume()
    assert hung
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_options_reach_the_server(start_redis: StartRedis) -> None:
    server = start_redis("--requirepass", "secret")
    with redis.Redis.from_url(server.url.replace("//", "//:secret@")) as client:
        assert client.ping()
