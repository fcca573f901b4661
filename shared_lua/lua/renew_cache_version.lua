-- Makes a cache_version new: whoever remembers something under the old one looks again.
--
-- KEYS[1]   the cache_version
-- answer    the new one
--
-- It is the clock's, and never the one before, so a cache_version that Redis lost and made anew repeats none.

local clock = redis.call('TIME')
local new = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local old = tonumber(redis.call('GET', KEYS[1])) or 0
new = string.format('%.0f', math.max(new, old + 1))
redis.call('SET', KEYS[1], new, 'PX', 86400000)
return new
