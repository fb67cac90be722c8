"""One node: its init process, components, certificates, control groups and simulated GPUs."""
