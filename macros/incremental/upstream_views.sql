{#- The views between this model and the tables that it reads, as `schema.view`. -#}
{% macro upstream_views() -%}
    {%- set views = [] -%}
    {%- set pending = model.depends_on.nodes | list -%}
    {%- for _ in range(1000) if pending -%}
        {%- set node = graph.nodes.get(pending.pop()) -%}
        {%- if node and node.config.materialized == 'view' -%}
            {%- set view = node.schema ~ '.' ~ node.alias -%}
            {%- if view not in views -%}
                {%- do views.append(view) -%}
                {%- do pending.extend(node.depends_on.nodes) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(views) -}}
{%- endmacro %}
