"""Deliveries: what customers and packages are sent where, and what was sent before.

`selection` says who is delivered, `memory` what was delivered, `deliver` sends the difference.
A destination is one file that has what `protocol` asks for, and a line in `kinds`: `files`,
`databases` and `webhook` are those that ship. `customer_match` gives the columns of advertising
platforms, `erased` is for `onecdp forget`.
"""
