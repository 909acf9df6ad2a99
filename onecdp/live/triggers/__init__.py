"""Triggers: rules over what people do now, which tell a destination who enters and who leaves.

    declared      seeds/triggers.csv: rules, purposes, hold-outs, cool-downs, destinations
    conditions    whether a rule holds for a person
    due           when a rule may hold, or not, without a new event
    publication   what triggers ask of the published warehouse
    stays         who is in which trigger, and whom to look at again
    outbox        what waits to be sent, and figures
    watch         looks at people and writes stays
    tell          puts out who entered and who left
    send          sends what waits, and deletes it after the receipt
    receivers     webhooks and topics

Stays and the outbox are tables of the live state, so that they change with the events.
"""
