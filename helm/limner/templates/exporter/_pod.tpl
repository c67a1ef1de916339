{{- define "limner.exporter.pod" -}}
metadata:
  {{- include "limner.podMetadata" (dict "root" . "component" "exporter" "config" .Values.exporter) | nindent 2 }}
spec:
  restartPolicy: Never
  {{- include "limner.pod" (dict "root" . "component" "exporter" "config" .Values.exporter) | nindent 2 }}
  {{- with .Values.exporter.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- include "limner.exporter.container" . | nindent 4 }}
  volumes:
    {{- include "limner.models.volume" . | nindent 4 }}
    {{- include "limner.exporter.volumes" . | nindent 4 }}
{{- end }}
