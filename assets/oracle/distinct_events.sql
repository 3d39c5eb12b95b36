-- From `event` (the lake's rows, one a delivery) to every event once.
select * exclude (copy) replace (make_timestamp(epoch_us(event_time)) as event_time)
from (
    select *, row_number() over (
        partition by event_id
        order by event_time, ingested_at nulls last, topic nulls last, "partition" nulls last, "offset" nulls last
    ) as copy
    from event
)
where copy = 1
