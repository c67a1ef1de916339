{{/* Pods of one component of this release. Takes a list: the root, the component. */}}
{{- define "limner.peer" -}}
- podSelector:
    matchLabels:
      {{- include "limner.componentSelector" . | nindent 6 }}
{{- end }}

{{/* Questions to the cluster's DNS. Without this, no name of a service is found. */}}
{{- define "limner.dnsEgress" -}}
{{- with .Values.networkPolicy.dnsTo }}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    {{- range $.Values.networkPolicy.dnsPorts }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}

{{/* What an export downloads: HTTPS to the outside. An empty list of peers would mean everywhere, so none is no rule. */}}
{{- define "limner.exportEgress" -}}
{{- if not .Values.settings.offline }}
{{- include "limner.dnsEgress" . }}
{{- with .Values.networkPolicy.exporterTo }}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    {{- range $.Values.networkPolicy.exporterPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The head of a policy. Takes a list: the root, the component. */}}
{{- define "limner.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "limner.fullname" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "limner.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "limner.componentSelector" . | nindent 6 }}
{{- end }}
