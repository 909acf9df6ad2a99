{#- Whether this invocation is a `dbt build` of everything; unit tests look at no data. -#}
{% macro audit_is_whole_build() -%}
    {%- set args = invocation_args_dict -%}
    {{- return(
        flags.WHICH == 'build'
        and not args.get('select') and not args.get('exclude') and not args.get('selector')
        and not args.get('resource_types')
        and not (args.get('exclude_resource_types') or []) | reject('equalto', 'unit_test') | list
    ) -}}
{%- endmacro %}
