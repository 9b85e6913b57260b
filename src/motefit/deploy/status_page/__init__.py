"""The status page of a node, its metrics and its health, over HTTP (extra ``monitor``)."""
