{#- Known identifiers similar to an unknown one, the most similar first. -#}
{% macro explain_near() -%}
    with typed as (

        select lower(trim(cast(a_type as varchar))) as id_type, cast(a_value as varchar) as id_value

    ),

    given as (

        select
            id_type,
            coalesce({{ normalize_identifier('id_type', 'id_value') }}, '') as id_value
        from typed

    ),

    guesses as (

        select
            known.id_type,
            known.id_value,
            known.id_type = given.id_type as is_same_type,
            case
                when lower(known.id_value) = lower(given.id_value) then 0
                -- At most two typing errors, and fewer in a short value.
                when
                    known.id_type = given.id_type
                    and abs(length(known.id_value) - length(given.id_value)) <= 2
                    then damerau_levenshtein(lower(known.id_value), lower(given.id_value))
            end as distance,
            least(2, length(given.id_value) // 3) as most
        from given
        cross join {{ explain_table('int_identity__map') }} as known

    )

    select id_type, id_value
    from guesses
    where distance <= most or distance = 0
    order by distance, is_same_type desc, id_type, id_value
    limit 3
{%- endmacro %}
