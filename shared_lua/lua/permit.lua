-- Takes a concurrency permit for an Invocation that nobody waits for, as a worker is about to run it.
--
-- KEYS[1]   permits of the function, or of the tenant when it has none reserved
-- ARGV[1]   the Invocation's id
-- ARGV[2]   how many permits there are
-- ARGV[3]   how long the permit lasts at most, ms
-- answer    1 = it has a permit (also when it had one before), 0 = all are taken
--
-- Who waits was given a permit at admission; the others would fill all of them while they only queue. Both kinds share
-- one limit. The permit is given back by settle.lua, or by its deadline.

local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], now_ms + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
