"""Kafka: topics of JSON objects, a partition as a stream, drained to the ends seen at the start.

- `settings`: `[sources.<source>.kafka]`.
- `broker`: what of confluent-kafka is used: where partitions begin and end, and their messages.
- `reader`: the partitions with something new, as places.
- `lines`: messages as JSON lines for the reader of files; tombstones; `debezium`: envelopes.

There is no consumer group, and nothing is committed at the broker: positions are in
`raw_<source>.loads`, with the rows.
"""
