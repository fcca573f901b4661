-- Gives places of a worker's express lane that have come free to Invocations that wait for one, the oldest first. It is
-- read in front of the scripts that free places: in the same step, so that none lies idle while somebody waits.
--
-- The last `left` places are for callers who come and have few: they are the admission's to give, and nobody else's. A
-- worker that cannot start functions gets none.

local function dispatch(worker, able, free_capacity, waiting, lane, left)
  if redis.call('EXISTS', waiting) == 0 or not redis.call('ZSCORE', able, worker) then
    return
  end
  while (tonumber(redis.call('ZSCORE', free_capacity, worker)) or 0) > left do
    if not redis.call('LMOVE', waiting, lane, 'LEFT', 'RIGHT') then
      return
    end
    redis.call('ZINCRBY', free_capacity, -1, worker)
  end
end

