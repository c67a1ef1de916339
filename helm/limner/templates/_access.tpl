{{/* Keys, passwords, and who may be several. */}}

{{- define "limner.auth.secret" -}}
{{- if .Values.auth.existingSecret -}}
{{- .Values.auth.existingSecret -}}
{{- else if .Values.auth.apiKeys -}}
{{- printf "%s-api-keys" (include "limner.fullname" .) -}}
{{- end -}}
{{- end }}

{{- define "limner.auth.secretKey" -}}
{{- ternary .Values.auth.existingSecretKey "limner_api_keys" (ne .Values.auth.existingSecret "") -}}
{{- end }}

{{/* The Secret with Redis's `url`, and for the chart's own Redis its `password`. Empty without Redis. */}}
{{- define "limner.redis.secret" -}}
{{- if .Values.redis.enabled -}}
{{- default (printf "%s-redis" (include "limner.fullname" .)) .Values.redis.existingSecret -}}
{{- else -}}
{{- .Values.externalRedis.existingSecret -}}
{{- end -}}
{{- end }}

{{/* The most replicas of a component that there may be. Takes its values. */}}
{{- define "limner.mostReplicas" -}}
{{- ternary .autoscaling.maxReplicas .replicas .autoscaling.enabled | int -}}
{{- end }}

{{/* Seconds that Triton may take: models that are still exported, then engines that are built. */}}
{{- define "limner.triton.startSeconds" -}}
{{- $export := ternary 0 (int .Values.models.waitSeconds) (eq .Values.models.source "initContainer") -}}
{{- add $export (int .Values.triton.startSeconds) -}}
{{- end }}
