"""`reconcile run` without anybody at a screen: as a unit of systemd, as a task of Windows. What would be done is
planned here as a value, shown, and only then done; the loop itself knows no more of it than how to say that it is
ready."""
