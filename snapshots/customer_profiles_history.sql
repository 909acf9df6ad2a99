{% snapshot customer_profiles_history %}

with customer_profiles as (

    select * from {{ ref('customer_profiles') }}

),

{{ rows_to_snapshot('customer_profiles') }}

select * from final -- noqa: AM04

{% endsnapshot %}
