{{/* Settings as environment variables: `maxTasks` is LIMNER_MAX_TASKS. */}}

{{/* Who reads which. A component gets no others, so that a change restarts only those that it is for. */}}
{{- define "limner.settings.gateway" -}}
rateLimit trustedProxies maxUploadBytes maxArchiveBytes maxArchiveEntries maxUnpackedBytes maxTasks maxQueue maxBatches
batchConcurrency maxHeldBytes taskTimeout resultTtl shutdownTimeout canaryInterval
{{- end }}
{{- define "limner.settings.triton" -}}
profile winograd aiLabel aiLabelProducer canaryInterval tritonOpenApis
{{- end }}
{{- define "limner.settings.exporter" -}}
profile precision customWeights offline mirrors downloadTimeout
{{- end }}

{{/* The variables of one component. Takes a list: the root, the component. */}}
{{- define "limner.settings" -}}
{{- $settings := (index . 0).Values.settings -}}
{{- range regexSplit "\\s+" (include (printf "limner.settings.%s" (index . 1)) (index . 0) | trim) -1 }}
{{- $value := index $settings . }}
- name: LIMNER_{{ snakecase . | upper }}
  value: {{ include "limner.settingText" $value | quote }}
{{- end }}
{{- end }}

{{/* A value as a variable holds it. Whole numbers go through toJson: as text, 20000000 would become 2e+07. */}}
{{- define "limner.settingText" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "bool" . -}}
{{- ternary "1" "0" . -}}
{{- else if kindIs "string" . -}}
{{- . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end }}
