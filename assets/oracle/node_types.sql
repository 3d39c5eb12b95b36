-- The generations that ended, by window, strategy and node type.
with length (window_type, unit, step) as (
    values
        ('hourly', 'hour', interval 1 hour),
        ('daily', 'day', interval 1 day),
        ('weekly', 'week', interval 7 day),
        ('monthly', 'month', interval 1 month)
),
grouped as (
    select 'node_type_grouping' as aggregation_type, node_type as group_key, * from generation
    union all
    select 'quality_buckets', quality_bucket, * from generation
    union all
    select 'time_window', 'all', * from generation
    union all
    select 'domain_grouping', domain, * from generation
)
select
    window_type,
    date_trunc(unit, ended_at) as window_start,
    aggregation_type,
    group_key,
    node_type,
    count(*) as total_generations,
    count(*) filter (where outcome = 'completed') as successful_generations,
    count(*) filter (where outcome = 'failed') as failed_generations,
    avg(case outcome when 'completed' then 1.0 else 0.0 end) as success_rate
from grouped cross join length
where ended_at is not null
group by window_type, unit, date_trunc(unit, ended_at), aggregation_type, group_key, node_type
order by window_type, window_start, aggregation_type, group_key, node_type
