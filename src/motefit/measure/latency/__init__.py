"""Latency: motefit's paired protocol, the published ones, benchmarks, profiles."""
