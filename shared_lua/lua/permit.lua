-- Takes a concurrency permit for an asynchronous Invocation that a worker is about to run.
-- include lib/clock

local permits = KEYS[1]              -- sorted set of the Invocations that hold one of these permits, by deadline, ms
local invocation_id = ARGV[1]
local limit = tonumber(ARGV[2])      -- how many permits there are
local lasts_ms = tonumber(ARGV[3])   -- how long it lasts at most

-- Answers 1 when it has a permit (also when it had one before), 0 when all are taken.
--
-- Synchronous Invocations get their permits at admission. Asynchronous ones would hold all of them while they only
-- queue, so they take theirs when they run. Both share one limit. settle.lua gives a permit back, or its deadline does.
local DAY_MS = 86400000
local now_ms = redis_now_ms()

redis.call('ZREMRANGEBYSCORE', permits, '-inf', now_ms)
if not redis.call('ZSCORE', permits, invocation_id) and redis.call('ZCARD', permits) >= limit then
  return 0
end
redis.call('ZADD', permits, now_ms + lasts_ms, invocation_id)
redis.call('PEXPIRE', permits, DAY_MS)
return 1
