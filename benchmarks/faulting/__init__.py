"""What breaks under us, made to break on purpose: the disk, the process, the machine around it."""
