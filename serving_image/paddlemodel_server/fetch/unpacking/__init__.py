"""What archives and the layers of images become: plain files and folders, or a refusal."""
