with stg_retail__transactions as (

    select * from {{ ref('stg_retail__transactions') }}

),

retail_non_product_codes as (

    select * from {{ ref('retail_non_product_codes') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

typed as (

    select
        transactions.*,
        {{ event_id_column('stg_retail__transactions', 'transactions') }} as id_column,
        case
            when
                transactions.invoice like 'A%'
                or transactions.price < 0
                -- Nothing was bought, though the line names an order.
                or transactions.quantity = 0
                or retail_non_product_codes.stock_code is not null
                then 'adjustment'
            when transactions.invoice like 'C%' or transactions.quantity < 0 then 'return'
            else 'purchase'
        end as event_type
    from stg_retail__transactions as transactions
    left join retail_non_product_codes
        on transactions.stock_code = retail_non_product_codes.stock_code

),

final as (

    select
        -- The invoice and the line in it: one invoice can hold the same stock code twice.
        'retail:' || invoice || ':' || cast(line_number as string) as event_id,
        'retail' as source_name,
        {{ event_identifier('stg_retail__transactions') }}
        event_type,
        {{ row_sources()['retail']['channel'] }} as channel,
        cast(null as string) as platform,
        stock_code as item_id,
        price as item_price,
        quantity,
        -- A credit note takes money back, also where its quantity was written without a sign.
        cast(
            case
                when event_type = 'return' then -abs(quantity * price)
                else quantity * price
            end as decimal(18, 4)
        ) as revenue,
        invoiced_at as event_time,
        cast(null as string) as session_id,
        cast(null as string) as page,
        invoice as order_id,
        country,
        is_withdrawn,
        loaded_at
    from typed

)

select * from final
