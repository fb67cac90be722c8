"""Children, autoscalers and pods, read once into frozen records. Pure."""
