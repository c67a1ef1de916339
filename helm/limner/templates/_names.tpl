{{/* Names and labels. Nothing in a selector changes with a version: selectors cannot be changed later. */}}

{{- define "limner.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* At most 40 characters, so that the longest suffix still fits into a name of 63. */}}
{{- define "limner.fullname" -}}
{{- $name := include "limner.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels by which all pods of the release are found. */}}
{{- define "limner.selector" -}}
app.kubernetes.io/name: {{ include "limner.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The same of one component. Takes a list: the root, the component. */}}
{{- define "limner.componentSelector" -}}
{{ include "limner.selector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of an object. Takes a list: the root, the component. */}}
{{- define "limner.labels" -}}
{{- $root := index . 0 -}}
{{ include "limner.componentSelector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: limner
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What is published under which name. Takes a list: the root, the component's `image`. */}}
{{- define "limner.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag -}}
{{- $name := $image.repository -}}
{{- with $root.Values.image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{- printf "%s:%s" $name $tag -}}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end }}
