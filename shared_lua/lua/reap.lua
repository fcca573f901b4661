-- Takes all that a dead worker had, on its lane and in flight, so that it can be given to the durable lane.
--
-- KEYS[1]   workers that live, by when their word expires, ms
-- KEYS[2]   workers that can start functions
-- KEYS[3]   free places, by worker
-- KEYS[4]   the worker's lane
-- KEYS[5]   what it has in flight
-- KEYS[6]   orphans: Invocations on their way from a worker's hands to the durable lane
-- ARGV[1]   the worker
-- ARGV[2]   1 = also if it lives: it says so itself, as it stops
-- answer    how many there were; -1 = it lives

local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) or 0
if ARGV[2] ~= '1' and until_ms > now_ms then
  return -1
end
local taken = 0
for list = 4, 5 do
  while redis.call('LMOVE', KEYS[list], KEYS[6], 'LEFT', 'RIGHT') do
    taken = taken + 1
  end
end
for set = 1, 3 do
  redis.call('ZREM', KEYS[set], ARGV[1])
end
return taken
