-- From `distinct_event` to one row per attempt, as docs/definitions.md tells it.
with terminal as (
    select *, row_number() over (partition by workflow_id, attempt order by event_time, event_id) as place
    from distinct_event
    where kind = 'completed' or kind = 'failed'
),
attempt as (
    select distinct workflow_id, attempt from distinct_event
),
-- Everything that any event says of the workflow, best source first.
saying as (
    select
        a.workflow_id, a.attempt, f.node_type, f.domain, f.primary_model,
        row_number() over (
            partition by a.workflow_id, a.attempt
            order by
                case
                    when f.event_id = (
                        select t.event_id from terminal t
                        where t.workflow_id = a.workflow_id and t.attempt = a.attempt and t.place = 1
                    ) then 1
                    when f.attempt = a.attempt then 2
                    else 3
                end,
                f.event_time, f.event_id
        ) as place
    from attempt a join distinct_event f on f.workflow_id = a.workflow_id
),
name as (
    select
        workflow_id, attempt,
        arg_min(node_type, place) filter (where node_type is not null) as node_type,
        arg_min(domain, place) filter (where domain is not null) as domain,
        arg_min(primary_model, place) filter (where primary_model is not null) as primary_model
    from saying
    group by workflow_id, attempt
),
rest as (
    select
        workflow_id, attempt,
        min(event_time) filter (where kind = 'started') as started_at,
        sum(tokens) filter (where kind = 'stage_completed') as tokens,
        sum(cost_usd) filter (where kind = 'stage_completed') as cost_usd,
        greatest(count(*) filter (where kind in ('completed', 'failed')) - 1, 0) as conflicting
    from distinct_event
    group by workflow_id, attempt
)
select
    a.workflow_id,
    a.attempt,
    coalesce(n.node_type, 'unknown') as node_type,
    coalesce(n.domain, 'unknown') as domain,
    n.primary_model,
    r.started_at,
    t.event_time as ended_at,
    t.kind as outcome,
    t.duration_seconds,
    case t.kind when 'completed' then t.quality_score end as quality_score,
    case
        when t.kind <> 'completed' or t.quality_score is null then 'unscored'
        when t.quality_score >= 0.8::double then 'high'
        when t.quality_score >= 0.6::double then 'medium'
        else 'low'
    end as quality_bucket,
    case when t.kind is not null then not exists (
        select 1 from terminal retry
        where retry.place = 1 and retry.workflow_id = a.workflow_id and retry.attempt > a.attempt
        and retry.event_time between t.event_time - interval 24 hour and t.event_time + interval 24 hour
    ) end as is_final,
    coalesce(t.tokens, r.tokens)::bigint as tokens,
    coalesce(t.cost_usd, r.cost_usd)::decimal(38, 9) as cost_usd,
    r.conflicting as conflicting_terminal_events
from attempt a
join name n using (workflow_id, attempt)
join rest r using (workflow_id, attempt)
left join terminal t on t.workflow_id = a.workflow_id and t.attempt = a.attempt and t.place = 1
