"""The wiring: collects the data, trains, packages and serves the model. It calls the team's package, never the reverse."""
