"""Random async chains: replayed under many arrival orders, and compared with a run that stores nothing."""
