{{/* Exported models: who fills the volume, and where on it they lie. */}}

{{/*
The folder on the volume, named by all that makes an export another one. So an upgrade exports beside what the running
pods use, new pods wait for it, and a rollback finds its own models again.
*/}}
{{- define "limner.models.folder" -}}
{{- if eq .Values.models.source "existingClaim" -}}
{{- .Values.models.subPath -}}
{{- else -}}
{{- $s := .Values.settings -}}
{{- $image := include "limner.image" (list . .Values.exporter.image) -}}
{{- $rest := list $image $s.precision $s.customWeights .Values.models.revision | toJson | sha256sum | trunc 8 -}}
{{- printf "%s-%s-%s" (default .Chart.AppVersion .Values.image.tag) $s.profile $rest -}}
{{- end -}}
{{- end }}

{{/* The claim, unless each pod has a volume of its own. */}}
{{- define "limner.models.claim" -}}
{{- if ne .Values.models.source "initContainer" -}}
{{- default (printf "%s-models" (include "limner.fullname" .)) .Values.models.existingClaim -}}
{{- end -}}
{{- end }}

{{- define "limner.models.volume" -}}
- name: models
  {{- with include "limner.models.claim" . }}
  persistentVolumeClaim:
    claimName: {{ . }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.models.volume.size }}
  {{- end }}
{{- end }}

{{/* The container that exports, in the job or as an init container. */}}
{{- define "limner.exporter.container" -}}
- name: exporter
  image: {{ include "limner.image" (list . .Values.exporter.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [export]
  env:
    {{- include "limner.settings" (list . "exporter") | trim | nindent 4 }}
    {{- with include "limner.extraEnv" .Values.exporter.extraEnv | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  securityContext:
    {{- include "limner.containerSecurity" . | nindent 4 }}
  resources:
    {{- include "limner.resources" .Values.exporter.resources | nindent 4 }}
  volumeMounts:
    - name: exporter-data
      mountPath: /opt/limner/.limner
    - name: models
      mountPath: /opt/limner/.limner/models
      {{- if include "limner.models.claim" . }}
      subPath: {{ include "limner.models.folder" . | quote }}
    - name: models
      mountPath: /opt/limner/.limner/weights
      subPath: weights
      {{- end }}
    - name: exporter-tmp
      mountPath: /tmp
{{- end }}

{{/* No photo is ever here: this may be on a disk. */}}
{{- define "limner.exporter.volumes" -}}
- name: exporter-data
  emptyDir:
    sizeLimit: 4Gi
- name: exporter-tmp
  emptyDir:
    sizeLimit: 4Gi
{{- end }}
