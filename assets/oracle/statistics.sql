-- From `generation` to the statistics of every window by every strategy. $as_of: when the unfinished are looked at.
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
),
-- An attempt stands in the window of its end and, as a start, in the window of its start.
happening as (
    select 'end' as what, ended_at as moment, * from grouped where ended_at is not null
    union all
    select 'start' as what, started_at as moment, * from grouped where started_at is not null
),
marked as (
    select
        *,
        what = 'end' as is_end,
        what = 'end' and outcome = 'completed' as is_success,
        what = 'end' and outcome = 'failed' as is_failure,
        what = 'start' and outcome is null as is_open,
        date_trunc('hour', started_at) + interval 25 hour <= $as_of::timestamp as is_old
    from happening
)
select
    window_type,
    date_trunc(unit, moment) as window_start,
    date_trunc(unit, moment) + step as window_end,
    aggregation_type,
    group_key,
    count(*) filter (where is_end) as total_generations,
    count(*) filter (where is_success) as successful_generations,
    count(*) filter (where is_failure) as failed_generations,
    avg(case when is_success then 1.0 when is_failure then 0.0 end) as success_rate,
    count(*) filter (where what = 'start') as started_generations,
    count(*) filter (where is_open and not is_old) as in_flight_generations,
    count(*) filter (where is_open and is_old) as abandoned_generations,
    coalesce(sum(conflicting_terminal_events) filter (where is_end), 0)::bigint as conflicting_terminal_events,
    avg(duration_seconds) filter (where is_success) as avg_duration_seconds,
    quantile_cont(duration_seconds, 0.50) filter (where is_success) as p50_duration_seconds,
    quantile_cont(duration_seconds, 0.95) filter (where is_success) as p95_duration_seconds,
    quantile_cont(duration_seconds, 0.99) filter (where is_success) as p99_duration_seconds,
    min(duration_seconds) filter (where is_success) as min_duration_seconds,
    max(duration_seconds) filter (where is_success) as max_duration_seconds,
    count(duration_seconds) filter (where is_success) as duration_n,
    count(duration_seconds) filter (where is_success) < 20 as p95_is_weak,
    count(duration_seconds) filter (where is_success) < 100 as p99_is_weak,
    avg(duration_seconds) filter (where is_failure) as failed_avg_seconds,
    count(duration_seconds) filter (where is_failure) as failed_duration_n,
    avg(quality_score) filter (where is_end) as avg_quality,
    min(quality_score) filter (where is_end) as min_quality,
    max(quality_score) filter (where is_end) as max_quality,
    count(quality_score) filter (where is_end) as quality_n,
    (sum(tokens) filter (where is_end))::bigint as total_tokens,
    count(tokens) filter (where is_end) as tokens_n,
    avg(tokens) filter (where is_end) as avg_tokens,
    (sum(cost_usd) filter (where is_end))::decimal(38, 9) as total_cost_usd,
    count(cost_usd) filter (where is_end) as cost_n,
    avg(case when cost_usd is null then 0.0 else 1.0 end) filter (where is_end) as known_cost_share,
    (sum(tokens) filter (where is_failure))::bigint as failed_tokens,
    count(tokens) filter (where is_failure) as failed_tokens_n,
    (sum(cost_usd) filter (where is_failure))::decimal(38, 9) as failed_cost_usd,
    count(cost_usd) filter (where is_failure) as failed_cost_n,
    count(*) filter (where is_end and attempt = 1) as first_attempts,
    count(*) filter (where is_success and attempt = 1) as first_attempt_successes,
    avg(case when is_success then 1.0 else 0.0 end) filter (where is_end and attempt = 1) as first_attempt_success_rate,
    count(*) filter (where is_end and attempt > 1) as retried_attempts,
    count(*) filter (where is_end and is_final) as final_attempts,
    count(*) filter (where is_success and is_final) as eventual_successes,
    avg(case when is_success then 1.0 else 0.0 end) filter (where is_end and is_final) as eventual_success_rate
from marked cross join length
group by window_type, unit, step, date_trunc(unit, moment), aggregation_type, group_key
order by window_type, window_start, aggregation_type, group_key
