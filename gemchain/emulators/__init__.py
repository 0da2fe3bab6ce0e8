"""Stand-ins for the services gemchain talks to: offline development and tests."""
