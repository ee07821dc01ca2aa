-- name: used
-- What the user's runs used that have ended this month, by model and whether it was today; those that are not finished
-- count as runs of today. There is always a row, for the times at which the day and the month end.
with now_utc as (select now() at time zone 'utc' as at)
select coalesce(u.model, '') as model, coalesce(u.is_today, true) as is_today, coalesce(u.runs, 0)::bigint as runs,
    coalesce(u.input_tokens, 0)::bigint as input_tokens, coalesce(u.output_tokens, 0)::bigint as output_tokens,
    extract(epoch from date_trunc('day', n.at) + interval '1 day' - n.at)::float8 as day_ends_seconds,
    extract(epoch from date_trunc('month', n.at) + interval '1 month' - n.at)::float8 as month_ends_seconds
from now_utc n left join lateral (
    select d.model, d.day = n.at::date as is_today, sum(d.runs) as runs, sum(d.input_tokens) as input_tokens,
        sum(d.output_tokens) as output_tokens
    from chat.usage_day d
    where d.user_id = :user_id and d.day >= date_trunc('month', n.at)::date
    group by d.model, d.day = n.at::date
    union all
    select '', true, count(*), 0, 0 from chat.run r
    where r.user_id = :user_id and r.status in ('queued', 'running', 'waiting')
) u on true;
