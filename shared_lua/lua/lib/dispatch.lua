-- Dispatches waiting Invocations to a worker whose capacity has come free, the oldest first. The scripts that free
-- capacity do it in the same step, so that none lies idle while an Invocation waits.
--
-- The last `spare` are left for the admission to grant, to tenants that have few in flight. A worker that cannot start
-- functions (it is not among `able_workers`) gets nothing.

local function dispatch(worker, able_workers, free_capacity, waiting, lane, spare)
  if redis.call('EXISTS', waiting) == 0 or not redis.call('ZSCORE', able_workers, worker) then
    return
  end
  while (tonumber(redis.call('ZSCORE', free_capacity, worker)) or 0) > spare do
    if not redis.call('LMOVE', waiting, lane, 'LEFT', 'RIGHT') then
      return
    end
    redis.call('ZINCRBY', free_capacity, -1, worker)
  end
end
