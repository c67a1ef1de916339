{{- define "limner.redis.conf" -}}
{{ .Files.Get "files/redis.conf" | trim }}
maxmemory {{ .Values.redis.maxMemoryMiB }}mb
{{- end }}

{{- define "limner.redis.ping" -}}
{command: [/bin/sh, -c, 'REDISCLI_AUTH="$(cat /run/secrets/redis/password)" redis-cli ping | grep -qx PONG']}
{{- end }}
