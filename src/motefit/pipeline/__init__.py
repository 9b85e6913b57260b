"""The only place where the steps are joined: data, search, training, export, measure, verify."""
