with source as (

    select * from {{ source('shop', 'transactions') }}

),

final as (

    select
        trim(transaction_id) as transaction_id,
        {{ staged_identifiers('stg_shop__transactions') }}
        nullif(trim(product_id), '') as product_id,
        cast(amount as decimal(18, 4)) as amount,
        cast(transaction_date as timestamp) as transacted_at,
        lower(nullif(trim(status), '')) as status,
        cast(updated_at as timestamp) as updated_at,
        coalesce(is_deleted, false) as is_deleted,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
