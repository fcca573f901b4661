-- Says that a worker lives, whether it can start functions, and how many places of its express lane are free.
--
-- KEYS[1]   workers that live, by when their word expires, ms
-- KEYS[2]   workers that can start functions, likewise
-- KEYS[3]   free places, by worker
-- KEYS[4]   epoch of this Redis's memory
-- KEYS[5]   Invocations that wait for a place
-- KEYS[6]   the worker's lane
-- ARGV[1]   the worker
-- ARGV[2]   how long its word counts, ms
-- ARGV[3]   1 = it can start functions
-- ARGV[4]   places that are free, counted only where Redis knows nothing of the worker; -1 = it has no express lane now
-- ARGV[5]   an epoch to begin with, if there is none
-- ARGV[6]   how many places stay free for callers who come
-- answer    the epoch
--
-- Places are counted here and nowhere else, by what grants them and what gives them back. A worker that Redis has
-- forgotten begins anew; that it was forgotten it learns from the epoch.

local clock = redis.call('TIME')
local until_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], until_ms, ARGV[1])
if ARGV[3] == '1' then
  redis.call('ZADD', KEYS[2], until_ms, ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
if tonumber(ARGV[4]) < 0 then
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('ZADD', KEYS[3], 'NX', ARGV[4], ARGV[1])
  dispatch(ARGV[1], KEYS[2], KEYS[3], KEYS[5], KEYS[6], tonumber(ARGV[6]))
end
redis.call('SET', KEYS[4], ARGV[5], 'NX')
return redis.call('GET', KEYS[4])
