with source as (

    select * from {{ source('retail', 'transactions') }}

),

final as (

    select
        trim(invoice) as invoice,
        line_number,
        upper(trim(stock_code)) as stock_code,
        nullif(trim(description), '') as description,
        quantity,
        cast(invoice_date as timestamp) as invoiced_at,
        cast(price as decimal(18, 4)) as price,
        {{ staged_identifiers(
            'stg_retail__transactions', renamed={'retail_customer_id': 'customer_id'}
        ) }}
        nullif(trim(country), '') as country,
        is_withdrawn,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
