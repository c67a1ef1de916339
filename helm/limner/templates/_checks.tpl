{{/* What cannot work, or is not safe, is refused here with a sentence that says what to do. */}}

{{- define "limner.checks" -}}
{{- $v := .Values -}}
{{- $keys := include "limner.auth.secret" . -}}
{{- if and $v.auth.existingSecret $v.auth.apiKeys }}
{{- fail "auth.existingSecret and auth.apiKeys are both set. Keep one: entries live in one Secret." }}
{{- end }}
{{- if not (or $keys $v.auth.allowAnonymous) }}
{{- fail "There are no API keys, so whoever reaches the gateway could use it. Make one with `limner key NAME`, and put its entry into auth.apiKeys or into a Secret named by auth.existingSecret. Or set auth.allowAnonymous=true to let anyone in." }}
{{- end }}
{{- if and $keys $v.auth.allowAnonymous }}
{{- fail "auth.allowAnonymous=true has no effect while there are API keys. Leave it out, or the keys." }}
{{- end }}

{{- if and $v.redis.enabled $v.externalRedis.existingSecret }}
{{- fail "redis.enabled=true and externalRedis.existingSecret are both set. Gateways share one Redis: keep one." }}
{{- end }}
{{- if and (gt (int (include "limner.mostReplicas" $v.gateway)) 1) (not (include "limner.redis.secret" .)) }}
{{- fail "Several gateways need a Redis to share tasks and quotas: a task would be unknown to all but the one that took it. Set redis.enabled=true, or externalRedis.existingSecret, or gateway.replicas=1 without autoscaling." }}
{{- end }}
{{- if and $v.externalRedis.existingSecret $v.networkPolicy.enabled (not $v.networkPolicy.redisTo) }}
{{- fail "networkPolicy.redisTo is empty, so the gateway could not reach the Redis of externalRedis. Name its pods or its address there." }}
{{- end }}

{{- if and (eq $v.models.source "existingClaim") (not $v.models.existingClaim) }}
{{- fail "models.source=existingClaim needs models.existingClaim, a claim that holds exported models." }}
{{- end }}
{{- if and (eq $v.models.source "initContainer") $v.models.existingClaim }}
{{- fail "models.source=initContainer exports into a volume of each pod, and would not use models.existingClaim. Choose models.source=job, or leave the claim out." }}
{{- end }}
{{- if and (eq $v.settings.profile "gpu") (eq $v.settings.precision "int8") }}
{{- fail "settings.precision=int8 is refused on a GPU. Take auto, fp16 or fp32." }}
{{- end }}
{{- if and (eq $v.settings.profile "cpu") (eq $v.settings.precision "fp16") }}
{{- fail "settings.precision=fp16 is refused on a CPU. Take auto, int8 or fp32." }}
{{- end }}

{{- range $name := list "gateway" "triton" }}
{{- $component := index $v $name }}
{{- with $component.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "%s.autoscaling: minReplicas is more than maxReplicas." $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- with $v.triton.autoscaling }}
{{- if and .enabled (eq .type "cpu") (eq $v.settings.profile "gpu") }}
{{- fail "triton.autoscaling.type=cpu says nothing of a GPU, which is busy while its processor waits. Take type=keda." }}
{{- end }}
{{- if and .enabled (eq .type "keda") (not .prometheusAddress) }}
{{- fail "triton.autoscaling.type=keda needs triton.autoscaling.prometheusAddress, such as http://prometheus-operated.monitoring.svc:9090." }}
{{- end }}
{{- end }}
{{- if and (eq (toString $v.triton.rollingUpdate.maxSurge) "0") (eq (toString $v.triton.rollingUpdate.maxUnavailable) "0") }}
{{- fail "triton.rollingUpdate: maxSurge and maxUnavailable are both 0, so no pod could ever be replaced." }}
{{- end }}

{{- if and $v.ingress.enabled (not (and $v.ingress.host $v.ingress.tlsSecret)) }}
{{- fail "ingress.enabled=true needs ingress.host and ingress.tlsSecret: photos and keys do not go over the internet in the clear." }}
{{- end }}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled=true needs httpRoute.parentRefs, the Gateway with the TLS listener that it belongs to." }}
{{- end }}
{{- if and $v.metrics.gatewayMonitor.enabled $keys (not $v.metrics.gatewayMonitor.keySecret.name) }}
{{- fail "metrics.gatewayMonitor needs metrics.gatewayMonitor.keySecret, a Secret with a key of the role metrics: with API keys, /metrics does not answer without one." }}
{{- end }}
{{- end }}
