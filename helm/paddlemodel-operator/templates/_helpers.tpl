{{/* Name of every object of the release; the release's name alone when it already says what it is. */}}
{{- define "paddlemodel-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "paddlemodel-operator.selectorLabels" -}}
app.kubernetes.io/name: paddlemodel-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "paddlemodel-operator.labels" -}}
{{ include "paddlemodel-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "paddlemodel-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "paddlemodel-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Of everything that belongs to the metrics adapter; short enough for the name of a Service. */}}
{{- define "paddlemodel-operator.adapterName" -}}
{{- printf "%s-metrics-adapter" (include "paddlemodel-operator.fullname" . | trunc 47 | trimSuffix "-") -}}
{{- end -}}

{{- define "paddlemodel-operator.adapterSelectorLabels" -}}
app.kubernetes.io/name: paddlemodel-metrics-adapter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "paddlemodel-operator.adapterLabels" -}}
{{ merge (include "paddlemodel-operator.adapterSelectorLabels" . | fromYaml) (include "paddlemodel-operator.labels" . | fromYaml) | toYaml }}
{{- end -}}

{{/*
Refuses when another server answers for the metrics of pods: two versions of that group would break one of the two.
`lookup` finds nothing under `helm template` and Argo CD; there the operator stands down at run time.
*/}}
{{- define "paddlemodel-operator.refuseForeignAdapter" -}}
{{- if eq .Values.autoscaling.builtin.existingAdapterPolicy "fail" -}}
{{- $ours := printf "%s/%s" .Release.Namespace (include "paddlemodel-operator.adapterName" .) -}}
{{- range (lookup "apiregistration.k8s.io/v1" "APIService" "" "").items -}}
{{- if eq .spec.group "custom.metrics.k8s.io" -}}
{{- $owner := "the API server itself" -}}
{{- with .spec.service }}{{ $owner = printf "%s/%s" .namespace .name }}{{ end -}}
{{- if ne $owner $ours -}}
{{- fail (printf `APIService %s belongs to the Service %s, and a cluster can have one adapter for the metrics of pods only.
Either let the autoscalers of models use theirs: --set autoscaling.metricsSource=prometheusAdapter (or keda, or none);
or have ours wait until theirs is removed: --set autoscaling.builtin.existingAdapterPolicy=standDown` .metadata.name $owner) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
