"""Live features: what a person did since the warehouse was built, and within the last minutes.

    features    seeds/live_features.csv: what is counted of which events, in which window
    settings    limits, blocked identifiers and the pause of a session, of the project's files
    seed_file   seeds as a running process reads them
    events      a line of the collector's log as an event
    log         the collector's files, also the one that it writes now, read from a position on
    kafka_log   the same for topics, where the collector writes to Kafka
    state       recent events and the positions, in one SQLite file with one writer
    positions   up to where the log was read
    find_events what of it an erasure takes
    kept        the same as readers see it, of any number of processes
    follow      takes new events from the log into the state
    tickets     messages of tickets of support, and which are open
    person      which events are a person's; nothing is decided before somebody asks
    measure     the values of features
    flink_sql   the same as Flink SQL, out of the expressions of `flink_values`

Events are kept, not counts: a late event, a merge or a new publication changes no stored value.
"""
