-- The time on Redis's own clock: hosts' clocks differ.

-- Microseconds since the Unix epoch.
local function redis_now_us()
  local clock = redis.call('TIME')
  return tonumber(clock[1]) * 1000000 + tonumber(clock[2])
end

-- Whole milliseconds since the Unix epoch.
local function redis_now_ms()
  return math.floor(redis_now_us() / 1000)
end
