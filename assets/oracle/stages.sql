-- The stages of the attempts that ended, by window, strategy and stage.
with length (window_type, unit, step) as (
    values
        ('hourly', 'hour', interval 1 hour),
        ('daily', 'day', interval 1 day),
        ('weekly', 'week', interval 7 day),
        ('monthly', 'month', interval 1 month)
),
stage as (
    select
        g.node_type, g.quality_bucket, g.domain, g.ended_at,
        case
            when d.stage_name is not null then d.stage_name
            when d.stage_number is not null then 'stage ' || d.stage_number
            else 'unknown'
        end as stage,
        d.stage_number,
        coalesce(not d.stage_success, false) as has_failed,
        d.duration_seconds, d.tokens, d.cost_usd
    from distinct_event d
    join generation g on g.workflow_id = d.workflow_id and g.attempt = d.attempt
    where d.kind = 'stage_completed'
    and abs(epoch_us(d.event_time) - epoch_us(g.ended_at)) <= 2 * 24 * 3600 * 1000000::bigint
),
grouped as (
    select 'node_type_grouping' as aggregation_type, node_type as group_key, * from stage
    union all
    select 'quality_buckets', quality_bucket, * from stage
    union all
    select 'time_window', 'all', * from stage
    union all
    select 'domain_grouping', domain, * from stage
)
select
    window_type,
    date_trunc(unit, ended_at) as window_start,
    aggregation_type,
    group_key,
    stage,
    min(stage_number)::bigint as stage_number,
    count(*) as count,
    count(*) filter (where has_failed) as failures,
    1000 * quantile_cont(duration_seconds, 0.50) filter (where not has_failed) as p50_ms,
    1000 * quantile_cont(duration_seconds, 0.95) filter (where not has_failed) as p95_ms,
    count(duration_seconds) filter (where not has_failed) as duration_n,
    count(duration_seconds) filter (where not has_failed) < 20 as p95_is_weak,
    sum(tokens)::bigint as total_tokens,
    count(tokens) as tokens_n,
    sum(cost_usd)::decimal(38, 9) as total_cost_usd,
    count(cost_usd) as cost_n
from grouped cross join length
where ended_at is not null
group by window_type, unit, date_trunc(unit, ended_at), aggregation_type, group_key, stage
order by window_type, window_start, aggregation_type, group_key, stage
