-- Renews a cache version: what is remembered under the old one is looked up again.
-- include lib/clock

local cache_version = KEYS[1]

-- Answers the new one.
--
-- It comes from the clock, so that it differs from every one before it even when Redis lost the last one; and it is
-- always higher than the last one, also when two changes come in one microsecond or the clock goes back.
local DAY_MS = 86400000
local last = tonumber(redis.call('GET', cache_version)) or 0
local new = string.format('%.0f', math.max(redis_now_us(), last + 1))
redis.call('SET', cache_version, new, 'PX', DAY_MS)
return new
