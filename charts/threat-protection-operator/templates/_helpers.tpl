{{/* The name of the chart's objects: that of the release where it tells enough. */}}
{{- define "tpo.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Two labels that never change, because selectors cannot. */}}
{{- define "tpo.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "tpo.labels" -}}
{{ include "tpo.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "tpo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tpo.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tpo.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Whether there is leader election: "true", or nothing. */}}
{{- define "tpo.elects" -}}
{{- if ne (toString (dig "leaderElection" "enabled" true .Values.config)) "false" -}}true{{- end -}}
{{- end -}}

{{- define "tpo.leaseName" -}}
{{- dig "leaderElection" "name" "" .Values.config | default (include "tpo.fullname" .) -}}
{{- end -}}

{{/* The administrator's file: what is in the values, and what follows from them. */}}
{{- define "tpo.config" -}}
{{- if dig "controller" "watchNamespace" "" .Values.config -}}
{{- fail "config.controller.watchNamespace: set watchNamespace instead, so that the permissions follow" -}}
{{- end -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.watchNamespace -}}
{{- $_ := set $config "controller" (merge (dict "watchNamespace" .Values.watchNamespace) (default dict $config.controller)) -}}
{{- end -}}
{{- $_ := set $config "leaderElection" (merge (dict "name" (include "tpo.leaseName" .)) (default dict $config.leaderElection)) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The parts of it that take effect at a start only: those that deploy/docs/configuration.md names. */}}
{{- define "tpo.atStart" -}}
{{- $config := include "tpo.config" . | fromYaml -}}
{{- $atStart := pick $config "leaderElection" "probes" "metrics" -}}
{{- $_ := set $atStart "watchNamespace" .Values.watchNamespace -}}
{{- toYaml $atStart -}}
{{- end -}}

{{/* The ports that the configuration names. */}}
{{- define "tpo.probesPort" -}}
{{- dig "probes" "listen" "0.0.0.0:8080" .Values.config | regexFind "[0-9]+$" -}}
{{- end -}}

{{- define "tpo.metricsPort" -}}
{{- with dig "metrics" "listen" "" .Values.config -}}
{{- regexFind "[0-9]+$" . -}}
{{- else -}}
{{- include "tpo.probesPort" . -}}
{{- end -}}
{{- end -}}

{{/* The name of the port with the metrics. */}}
{{- define "tpo.metricsPortName" -}}
{{- if dig "metrics" "listen" "" .Values.config -}}metrics{{- else -}}probes{{- end -}}
{{- end -}}

{{/* How metrics are scraped; the argument has the root and the values of the monitor. */}}
{{- define "tpo.endpoint" -}}
path: /metrics
interval: {{ .monitor.interval }}
scheme: {{ if dig "metrics" "tls" "" .root.Values.config }}https{{ else }}http{{ end }}
{{- with .monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.authorization }}
authorization:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The document of a kind in the permissions that the project ships; the argument has the root and the kind. */}}
{{- define "tpo.shipped" -}}
{{- range splitList "\n---\n" (.root.Files.Get "files/rbac.yaml") -}}
{{- $document := fromYaml . -}}
{{- if eq $document.kind $.kind -}}
{{- toYaml $document -}}
{{- end -}}
{{- end -}}
{{- end -}}
