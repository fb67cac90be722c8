// Only for its definitions, of PodMonitor and PrometheusRule; nothing of it is compiled.
module devcluster/prometheus-operator

go 1.26.4

require github.com/prometheus-operator/prometheus-operator v0.92.0
