"""What cannot work, or is not safe, is refused with a sentence that says what to do."""

from __future__ import annotations

from typing import Any

import helm_python
import pytest

from gateway.access.keys import new_key
from tests.helm.chart import example, loaded_chart, render

ENTRY = f"alice:{'ab' * 32}"

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no keys": ("cpu", {"auth__allowAnonymous": False}, "limner key NAME"),
    "keys in two places": ("gpu", {"auth__apiKeys": [ENTRY]}, "both set. Keep one"),
    "keys and anybody": ("gpu", {"auth__allowAnonymous": True}, "has no effect while there are API keys"),
    "gateways without Redis": ("cpu", {"gateway__replicas": 2}, "Several gateways need a Redis"),
    "scaled gateways without Redis": (
        "cpu",
        {"gateway__autoscaling": {"enabled": True, "minReplicas": 1}},
        "Several gateways need a Redis",
    ),
    "two Redis": ("production", {"externalRedis__existingSecret": "r"}, "Gateways share one Redis"),
    "unreachable Redis": ("cpu", {"externalRedis__existingSecret": "r"}, "networkPolicy.redisTo is empty"),
    "no claim": ("cpu", {"models__source": "existingClaim"}, "needs models.existingClaim"),
    "claim for nothing": ("cpu", {"models__existingClaim": "mine"}, "would not use models.existingClaim"),
    "INT8 on a GPU": ("gpu", {"settings__precision": "int8"}, "refused on a GPU"),
    "FP16 on a CPU": ("cpu", {"settings__precision": "fp16"}, "refused on a CPU"),
    "more at least than at most": (
        "production",
        {"gateway__autoscaling__minReplicas": 7},
        "gateway.autoscaling: minReplicas is more than maxReplicas",
    ),
    "processor time of a GPU": (
        "gpu",
        {"triton__autoscaling": {"enabled": True, "type": "cpu"}},
        "says nothing of a GPU",
    ),
    "nobody to ask": ("gpu", {"triton__autoscaling": {"enabled": True}}, "prometheusAddress, such as"),
    "no update": ("cpu", {"triton__rollingUpdate": {"maxSurge": 0}}, "no pod could ever be replaced"),
    "no TLS": ("production", {"ingress__tlsSecret": ""}, "do not go over the internet in the clear"),
    "no host": ("production", {"ingress__host": ""}, "needs ingress.host"),
    "no Gateway": ("cpu", {"httpRoute__enabled": True}, "needs httpRoute.parentRefs"),
    "setting among variables": (
        "cpu",
        {"gateway__extraEnv": {"LIMNER_MAX_TASKS": "3"}},
        "extraEnv holds LIMNER_MAX_TASKS",
    ),
    "metrics without a key": ("production", {"metrics__gatewayMonitor__keySecret": {}}, "a key of the role metrics"),
}


@pytest.mark.parametrize(("name", "changes", "message"), REFUSED.values(), ids=REFUSED)
def test_template_refuses(name: str, changes: dict[str, Any], message: str) -> None:
    render(example(name))
    with pytest.raises(helm_python.HelmRenderError) as refusal:
        render(example(name, **changes))
    assert message in str(refusal.value)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown value": ({"replicas": 2}, "replicas"),
    "unknown value of a section": ({"gateway__replica": 2}, "replica"),
    "unknown setting": ({"settings__maxTask": 2}, "maxTask"),
    "setting out of bounds": ({"settings__maxTasks": 0}, "/settings/maxTasks"),
    "setting of another type": ({"settings__aiLabel": "yes"}, "/settings/aiLabel"),
    "rate limit": ({"settings__rateLimit": "10/month"}, "/settings/rateLimit"),
    "plans, which are built on the GPU": ({"settings__profile": "tensorrt"}, "/settings/profile"),
    "any name of a proxy": ({"settings__trustedProxies": ["*"]}, "/settings/trustedProxies"),
    "mirror": ({"settings__mirrors": ["ftp://mirror.example"]}, "/settings/mirrors"),
    "key in the clear": ({"auth__apiKeys": [new_key()]}, "/auth/apiKeys"),
    "short hash": ({"auth__apiKeys": ["alice:ab"]}, "/auth/apiKeys"),
    "latest": ({"image__tag": "latest"}, "/image/tag"),
    "latest Redis": ({"redis__image__tag": "latest"}, "/redis/image/tag"),
    "no tag of Redis": ({"redis__image__tag": ""}, "/redis/image/tag"),
    "digest": ({"gateway__image__digest": "sha256:ab"}, "/gateway/image/digest"),
    "no memory": ({"triton__resources__memory": ""}, "/triton/resources/memory"),
    "memory in small letters": ({"triton__resources__memory": "8g"}, "/triton/resources/memory"),
    "variable's name": ({"gateway__extraEnv": {"a-b": "3"}}, "invalid propertyName 'a-b'"),
    "no pod": ({"gateway__replicas": 0}, "/gateway/replicas"),
    "way out of the volume": ({"models__subPath": "../other"}, "/models/subPath"),
    "source of models": ({"models__source": "hook"}, "/models/source"),
    "empty peer, which is everybody": ({"networkPolicy__prometheusFrom": [{}]}, "/networkPolicy/prometheusFrom"),
    "no port, which is every port": ({"networkPolicy__dnsPorts": []}, "/networkPolicy/dnsPorts"),
    "time": ({"httpRoute__requestTimeout": "900"}, "/httpRoute/requestTimeout"),
}


@pytest.mark.parametrize(("changes", "place"), WRONG.values(), ids=WRONG)
def test_schema_refuses(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(example("cpu", **changes))
    assert place in str(refusal.value)


RIGHT: dict[str, dict[str, Any]] = {
    "cores as a number": {"triton__resources__cpu": {"request": 4, "limit": 4}},
    "parts of cores": {"triton__resources__cpu": {"request": "1500m", "limit": "2.5"}},
    "rate limits": {"settings__rateLimit": "10/minute;1000/day"},
    "no rate limit": {"settings__rateLimit": "off"},
    "key with all parts": {
        "auth": {"apiKeys": [f"{ENTRY}:enhance+metrics:100/minute;5000/day", f"bob:{'cd' * 32}::9/hour"]}
    },
    "IPv6": {"listenAddress": "::", "settings__trustedProxies": ["fd00::/8", "10.0.0.1"]},
    "percent of pods": {"triton__rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "0%"}},
    "variables": {"exporter__extraEnv": {"HTTPS_PROXY": "http://proxy.example:3128"}},
    "pinned image": {"gateway__image__digest": "sha256:" + "ab" * 32, "image__tag": "0.2.0-rc.1"},
    "proxies of Helm above": {"global": {"anything": 1}},
}


@pytest.mark.parametrize("changes", RIGHT.values(), ids=RIGHT)
def test_schema_accepts(changes: dict[str, Any]) -> None:
    assert render(example("cpu", **changes))


def test_defaults_keep_to_the_schema() -> None:
    loaded_chart().validate_schema({})
