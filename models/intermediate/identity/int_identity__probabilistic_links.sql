select ''::varchar as left_id_type, ''::varchar as left_id_value, ''::varchar as right_id_type, ''::varchar as right_id_value, 0.0::double as probability where false
