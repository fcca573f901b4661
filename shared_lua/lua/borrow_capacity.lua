-- Takes free places of a worker's express lane for work of the durable lane: as many as there are, but for the last ones.
--
-- KEYS[1]   free places, by worker
-- ARGV[1]   the worker
-- ARGV[2]   how many it could use
-- ARGV[3]   how many stay free for callers who wait
-- answer    how many it has

local free = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) or 0
local taken = math.max(0, math.min(free - tonumber(ARGV[3]), tonumber(ARGV[2])))
if taken > 0 then
  redis.call('ZINCRBY', KEYS[1], -taken, ARGV[1])
end
return taken
