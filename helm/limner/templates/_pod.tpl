{{/* What all pods and containers have in common: the rules of the pod security standard `restricted`, and more. */}}

{{/*
The head of every pod. Takes a dict: root, component, config (the component's values), user (default 10001).

No token of the cluster's API: nothing here calls it, and it would lie below /run/secrets, where settings are read.
No service links: a service named `limner` would set LIMNER_PORT to something like tcp://10.0.0.1:80, and Limner would
refuse it.
*/}}
{{- define "limner.pod" -}}
{{- $user := default 10001 .user -}}
serviceAccountName: {{ include "limner.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .config.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .config.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .config.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "limner.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Labels and annotations of a pod: none with a version, which would replace pods that are the same in the next one.
Takes a dict: root, component, config, checksums (a dict). */}}
{{- define "limner.podMetadata" -}}
labels:
  {{- include "limner.componentSelector" (list .root .component) | nindent 2 }}
  app.kubernetes.io/part-of: limner
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .config.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .checksums) (default (dict) .config.podAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pods of a component on different nodes and in different zones, where there are some. Takes a list: root, component.
By the hash of the template, so that pods of the revision before do not count during an update. */}}
{{- define "limner.spread" -}}
{{- $labels := include "limner.componentSelector" . -}}
{{- range tuple "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $labels | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* Variables of `extraEnv`. */}}
{{- define "limner.extraEnv" -}}
{{- range $name, $value := . }}
{{- if hasPrefix "LIMNER_" $name }}
{{- fail (printf "extraEnv holds %s. Limner's own variables have values in `settings`, which are checked and go to whoever reads them." $name) }}
{{- end }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Memory is never on a disk: requests equal limits, which also keeps a container out of a node's swap.
Takes `resources`, of which memory is stated once. */}}
{{- define "limner.resources" -}}
{{- $requests := dict "cpu" .cpu.request "memory" .memory -}}
{{- $limits := dict "cpu" .cpu.limit "memory" .memory -}}
requests:
  {{- toYaml $requests | nindent 2 }}
limits:
  {{- toYaml $limits | nindent 2 }}
{{- end }}
