"""Likely pairs of member accounts (probabilistic links); none unless `identity_probabilistic`."""

from onecdp.identity.likeness import no_links, probabilistic_links


def model(dbt, session):
    dbt.config(materialized="table")
    if not dbt.config.meta_get("is_on"):
        return no_links()
    members = dbt.ref("stg_crm__members").filter("not is_deleted")
    columns = ("member_id", "mobile_hash", "email_hash")
    identifier_columns = ", ".join(
        f"max(case when column_name = '{column}' then id_value end) as {column}"
        for column in columns
    )
    identifiers = (
        dbt.ref("int_identity__sightings")
        .filter("source_name = 'crm' and not is_blocked")
        .aggregate(f"set_number, {identifier_columns}", "set_number")
        .filter("member_id is not null")
    )
    junk = dbt.ref("id_blocklist").filter(
        "id_type = '*' and match = 'exact' and id_value is not null"
    )
    return probabilistic_links(
        members.select("member_id, real_name, birthday, gender, register_channel").to_arrow_table(),
        identifiers.select("member_id, mobile_hash, email_hash").to_arrow_table(),
        junk_names=[value for (value,) in junk.select("id_value").fetchall()],
        review=dbt.config.meta_get("review"),
        merge=dbt.config.meta_get("merge"),
    )
