"""The live node: sensors are read while a spoken word has switched logging on, and nothing is lost.

A reading is committed to the outbox, a SQLite file, before anything else happens to it. A forwarder
sends it to the sink and forgets it once the sink has acknowledged it.
"""
