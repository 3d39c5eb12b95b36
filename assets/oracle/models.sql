-- The generations that ended, by window, strategy and model.
with length (window_type, unit, step) as (
    values
        ('hourly', 'hour', interval 1 hour),
        ('daily', 'day', interval 1 day),
        ('weekly', 'week', interval 7 day),
        ('monthly', 'month', interval 1 month)
),
named as (
    select *, coalesce(primary_model, 'unknown') as model from generation
),
grouped as (
    select 'node_type_grouping' as aggregation_type, node_type as group_key, * from named
    union all
    select 'quality_buckets', quality_bucket, * from named
    union all
    select 'time_window', 'all', * from named
    union all
    select 'domain_grouping', domain, * from named
)
select
    window_type,
    date_trunc(unit, ended_at) as window_start,
    aggregation_type,
    group_key,
    model,
    count(*) as total_generations,
    count(*) filter (where outcome = 'completed') as successful_generations,
    count(*) filter (where outcome = 'failed') as failed_generations,
    avg(case outcome when 'completed' then 1.0 else 0.0 end) as success_rate,
    quantile_cont(duration_seconds, 0.50) filter (where outcome = 'completed') as p50_duration_seconds,
    quantile_cont(duration_seconds, 0.95) filter (where outcome = 'completed') as p95_duration_seconds,
    count(duration_seconds) filter (where outcome = 'completed') as duration_n,
    count(duration_seconds) filter (where outcome = 'completed') < 20 as p95_is_weak,
    sum(tokens)::bigint as total_tokens,
    count(tokens) as tokens_n,
    sum(cost_usd)::decimal(38, 9) as total_cost_usd,
    count(cost_usd) as cost_n
from grouped cross join length
where ended_at is not null
group by window_type, unit, date_trunc(unit, ended_at), aggregation_type, group_key, model
order by window_type, window_start, aggregation_type, group_key, model
