{{/* What the operator asks of the API about models, in all namespaces (ClusterRole) or in some (a Role in each). */}}
{{- define "paddlemodel-operator.modelRules" -}}
# The spec is read; only its status is written.
- apiGroups: [paddlemodel.dev]
  resources: [paddlemodels]
  verbs: [get, list, watch]
- apiGroups: [paddlemodel.dev]
  resources: [paddlemodels/status]
  verbs: [patch]
# The children of a model. A server-side apply needs create and patch.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
# With KEDA, whose kind a cluster may not have.
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.gatewayAPI.enabled }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
# Why a model is not ready is read from its pods.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The template of the version before is in its ReplicaSet: it is given back where a rolling update is broken.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list]
# Events tell of changes.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
