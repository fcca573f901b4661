-- Releases an Invocation that a worker has in flight and cannot run: it is orphaned, to go to the durable lane.

local in_flight = KEYS[1]            -- list of the Invocations that the worker took off its lane and has not ended
local orphaned = KEYS[2]             -- list of the Invocations on their way to the durable lane
local free_capacity = KEYS[3]        -- sorted set: how many more runs each worker can take
local worker = ARGV[1]
local item = ARGV[2]                 -- the Invocation as it lay on the lane

-- Answers 1 when it was released, 0 when it was not in flight any more.
--
-- The capacity that comes free is not dispatched here: the worker may be unable to start functions, which it says with
-- its next heartbeat. That dispatches it.
if redis.call('LREM', in_flight, 1, item) == 0 then
  return 0
end
redis.call('RPUSH', orphaned, item)
redis.call('ZADD', free_capacity, 'XX', 'INCR', 1, worker)
return 1
