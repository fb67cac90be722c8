"""The machine around the process: control groups, signals, the log, the termination message."""
