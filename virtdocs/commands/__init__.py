"""The commands of `virtdocs`: each module declares its arguments and computes an `Answer`."""
