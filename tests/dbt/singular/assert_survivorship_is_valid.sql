-- Ends with an error that names the line of the seed, the value and the way out: a wrong attribute
-- or source would be ignored, and the profile would lack what the line was to bring.

{{ config(meta={'checked': 'weekly'}) }}

with survivorship as (

    select * from {{ ref('survivorship') }}

),

stated as (

    {%- for source_name, attributes in attribute_sources().items() %}
    {%- set is_last_source = loop.last %}
    {%- for attribute in attributes %}
    select
        '{{ source_name }}' as source,
        '{{ attribute }}' as attribute
    {{ 'union all' if not (loop.last and is_last_source) }}
    {%- endfor %}
    {%- endfor %}

),

listed as (

    select
        string_agg(distinct attribute, ', ' order by attribute) as attributes,
        string_agg(distinct source, ', ' order by source) as sources
    from stated

),

compared as (

    select
        *,
        (select listed.attributes from listed) as attributes,
        (select listed.sources from listed) as sources,
        attribute in (select stated.attribute from stated) as is_attribute,
        source in (select stated.source from stated) as is_source,
        (attribute, source) in (select (stated.attribute, stated.source) from stated) as is_stated,
        count(*) over (partition by attribute, source) as rows_of_source,
        min(rule) over same_rank != max(rule) over same_rank as has_two_rules
    from survivorship
    window same_rank as (partition by attribute, rank)

),

problems as (

    select
        {{ seed_line('survivorship', ['attribute', 'source', 'rank', 'rule']) }} as seed_line,
        case
            when attribute is null or source is null or rank is null or rule is null
                then 'a value is empty; give all four'
            when not is_attribute
                then 'there is no attribute ' || attribute || '; the attributes are ' || attributes
            when not is_source
                then 'there is no source ' || source || '; the sources are ' || sources
            when not is_stated
                then 'source ' || source || ' does not state ' || attribute || '; delete the line'
            when rows_of_source > 1
                then 'source ' || source || ' is there twice for ' || attribute || '; keep one line'
            when rank < 1
                then 'rank ' || rank || ' must be at least 1'
            when rule not in ('most_recent', 'most_frequent', 'longest')
                then 'there is no rule ' || rule
                    || '; the rules are most_recent, most_frequent, longest'
            when has_two_rules
                then 'rank ' || rank || ' of ' || attribute
                    || ' has two rules; give its sources one, or other ranks'
        end as problem
    from compared

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
