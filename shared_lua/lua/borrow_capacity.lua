-- Takes free capacity of a worker's express lane for work of its durable lane, all but the last few.

local free_capacity = KEYS[1]        -- sorted set: how many more runs each worker can take
local worker = ARGV[1]
local wanted = tonumber(ARGV[2])     -- how many it could use
local spare = tonumber(ARGV[3])      -- how many stay free for callers

-- Answers how many it took.
local free = tonumber(redis.call('ZSCORE', free_capacity, worker)) or 0
local taken = math.max(0, math.min(free - spare, wanted))
if taken > 0 then
  redis.call('ZINCRBY', free_capacity, -taken, worker)
end
return taken
