{#-
    The number of a set of source rows that agree in the given columns: 63 bits of the MD5 of the
    source and the values, each with its length, so that no two lists give one text.
-#}
{% macro set_number(source_name, columns) -%}
    {%- set parts = ["'" ~ source_name ~ "'"] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            "coalesce(cast(length(" ~ column ~ ") as string) || ':' || " ~ column ~ ", '-')"
        ) -%}
    {%- endfor -%}
    {{ hash_63_bits(parts | join(" || ',' || ")) }}
{%- endmacro %}
