"""What a release is made of: one version everywhere, the images, their lists of parts, and the chart."""
