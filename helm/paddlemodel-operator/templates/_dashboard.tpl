{{/* Every panel asks the Prometheus that is chosen at the top of the dashboard. */}}
{{- define "paddlemodel-operator.dashboard.source" -}}
{{- dict "type" "prometheus" "uid" "${datasource}" | toJson -}}
{{- end -}}

{{/* The queries of a panel of files/dashboard.yaml, as Grafana's JSON. */}}
{{- define "paddlemodel-operator.dashboard.targets" -}}
{{- $source := include "paddlemodel-operator.dashboard.source" . | fromJson }}
{{- $table := eq (default "" .type) "table" }}
{{- $targets := list }}
{{- range $number, $query := .queries }}
{{- $expr := $query.expr
  | replace "MODELS" `namespace=~"$namespace", model=~"$model"` | replace "INFERENCE" `route=~"predict|infer|v1"` }}
{{- $targets = append $targets (dict
  "refId" (printf "%c" (add 65 $number | int)) "datasource" $source "expr" $expr
  "legendFormat" (default "" $query.legend)
  "range" (not $table) "instant" $table "format" ($table | ternary "table" "time_series")) }}
{{- end }}
{{- $targets | toJson -}}
{{- end -}}

{{/* A panel of files/dashboard.yaml, as Grafana's JSON, without its number and place. */}}
{{- define "paddlemodel-operator.dashboard.panel" -}}
{{- $type := default "timeseries" .type }}
{{- $stack := default false .stack }}
{{- $defaults := dict "unit" (default "none" .unit) "min" 0 "custom" dict }}
{{- with .max }}{{ $_ := set $defaults "max" . }}{{ end }}
{{- with .decimals }}{{ $_ := set $defaults "decimals" . }}{{ end }}
{{- $panel := dict
  "type" $type "title" .title "description" (default "" .description)
  "datasource" (include "paddlemodel-operator.dashboard.source" . | fromJson)
  "targets" (include "paddlemodel-operator.dashboard.targets" . | fromJsonArray)
  "fieldConfig" (dict "defaults" $defaults "overrides" list) }}
{{- if eq $type "timeseries" }}
{{- $_ := set $defaults "custom" (dict
  "fillOpacity" ($stack | ternary 30 10) "stacking" (dict "mode" ($stack | ternary "normal" "none") "group" "A")) }}
{{- $_ := set $panel "options" (dict
  "legend" (dict "displayMode" "list" "placement" "bottom" "showLegend" true)
  "tooltip" (dict "mode" "multi" "sort" "desc")) }}
{{- else if eq $type "stat" }}
{{- $_ := set $panel "options" (dict
  "colorMode" "none" "graphMode" "area" "reduceOptions" (dict "calcs" (list "lastNotNull"))) }}
{{- else if eq $type "table" }}
{{- $_ := set $panel "transformations" (list (dict "id" "organize" "options" (dict
  "excludeByName" (dict "Time" true)))) }}
{{- end }}
{{- $panel | toJson -}}
{{- end -}}

{{/* A choice at the top of the dashboard: of namespaces, or of models in them. */}}
{{- define "paddlemodel-operator.dashboard.choice" -}}
{{- $query := printf "label_values(%s, %s)" .of .name }}
{{- dict
  "name" .name "label" (title .name) "type" "query" "definition" $query
  "datasource" (include "paddlemodel-operator.dashboard.source" . | fromJson)
  "query" (dict "query" $query "refId" "variable") "refresh" 2 "sort" 1
  "multi" true "includeAll" true "allValue" ".*" "current" (dict "text" "All" "value" "$__all") | toJson -}}
{{- end -}}
