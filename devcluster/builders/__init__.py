"""Builds what a cluster runs: the Go programs, the images, and the Debian packages that both need."""
