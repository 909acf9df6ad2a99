{#-
    The identifier as one number: 63 bits of the MD5 of type and value. It is stored, so it must be
    the same in every release of every engine, which an engine's own hash() is not.

    Two identifiers share one with a probability of 5e-6 at 10 million identifiers and 5 % at a
    billion; int_identity__nodes compares a second number of the texts and stops then.
-#}
{% macro node_id(id_type, id_value) -%}
    {{ hash_63_bits(id_type ~ " || ':' || " ~ id_value) }}
{%- endmacro %}
